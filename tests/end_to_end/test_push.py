"""A push to main, from one commit to production, with the commands that a person types."""

import json
import os
import re
import signal
import subprocess
from typing import Any

import pytest

from stages import accounts
from tests.end_to_end.clone import Clone, Run, until

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def clone(approving: Clone) -> Clone:
    return approving


def printed_call(clone: Clone) -> list[str]:
    (words,) = [line.split() for line in clone.said.splitlines() if ".venv/bin/penstock call" in line]
    return words


def printed_line(clone: Clone) -> str:
    """The printed call as a line of curl."""
    return clone.run(*printed_call(clone), "--curl").stdout.strip()


def status_of(clone: Clone, line: str) -> tuple[int, Any]:
    """What the shell makes of a curl line: the status and the body of the answer."""
    done = clone.run("sh", "-c", f"{line} --silent --show-error --write-out '\\n%{{http_code}}'")
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def succeeded(run: Run) -> bool:
    return run.exit_code == 0 and set(run.stages.values()) == {"Succeeded"}


def test_the_printed_line_starts_a_workflow_in_production(clone: Clone) -> None:
    status, answer = status_of(clone, printed_line(clone))
    assert status == 202
    assert clone.workflow(answer["id"])["status"] == "SUCCEEDED"
    assert answer["id"] in clone.rows()


@pytest.mark.parametrize(
    ("signed", "instead"),
    [(r" --aws-sigv4 \S+ --user \S+", ""), (r"--user (\d+):\S+", r"--user \1:another-secret")],
    ids=["unsigned", "signed with another secret"],
)
def test_the_printed_line_is_refused_without_its_signature(clone: Clone, signed: str, instead: str) -> None:
    before = clone.rows()
    changed, count = re.subn(signed, instead, printed_line(clone))
    assert count == 1
    assert status_of(clone, changed)[0] == 403
    assert clone.rows() == before


def test_penstock_call_as_it_is_printed_makes_the_same_request(clone: Clone) -> None:
    done = clone.run(*printed_call(clone), "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["status"]) == (0, 202), done.stderr
    assert clone.workflow(json.loads(answer["body"])["id"])["status"] == "SUCCEEDED"


CIRCLE = """
class Head(Intake):
    name = "head"
    offers = (Published("head/name"),)
    needs = (Published("tail/name"),)


class Tail(Intake):
    name = "tail"
    offers = (Published("tail/name"),)
    needs = (Published("head/name"),)


PROD = Stage("""
OVERRIDE = """
def forget_everything(stack: IntakeStack, environment: Environment) -> None:
    stack.submissions.table.apply_removal_policy(RemovalPolicy.DESTROY)


PROD = Stage("""
BROKEN: dict[str, tuple[str, list[tuple[str, str]], str]] = {
    "a setting that the service does not have": (
        "stages/dev.py",
        [("Intake(claim_check=True)", "Intake(rate_limt=5)")],
        r"stages/dev\.py:\d+:\d+: Intake has no rate_limt \(did you mean rate_limit\?\)",
    ),
    "services that need each other": (
        "stages/prod.py",
        [
            (
                "from services.library.contract.env",
                "from services.library.contract.published import Published\nfrom services.library.contract.env",
            ),
            ("PROD = Stage(", CIRCLE),
            ("Intake(claim_check=True)", "Head(), Tail()"),
        ],
        r"stages/prod\.py:\d+:\d+: these services need each other in a circle: (head -> tail|tail -> head) -> \w+",
    ),
    "an override against a guardrail": (
        "stages/prod.py",
        [
            (
                "from services.intake.service import Intake",
                "from aws_cdk import RemovalPolicy\n\nfrom services.intake.service import Intake, IntakeStack",
            ),
            ("PROD = Stage(", OVERRIDE),
            ("Intake(claim_check=True)", "Intake(claim_check=True, override=forget_everything)"),
        ],
        r"error  Penstock-Retained: .*\n.* Pipeline/prod/intake/Submissions/Table/Resource",
    ),
    "a pipeline that cannot be imported": (
        "pipeline/definition/stack.py",
        [("from constructs import Construct", "from construct import Construct")],
        r"ModuleNotFoundError: No module named 'construct'",
    ),
}
"""What was broken -> the file, its changes, and what `penstock status` must say of it, once."""


def test_a_push_that_cannot_be_synthesised_changes_nothing_and_the_next_good_one_deploys(
    clone: Clone, subtests: pytest.Subtests
) -> None:
    """The good push changes runtime code, and nothing else."""
    template = clone.pipeline_template()
    for name, (file, changes, said) in BROKEN.items():
        with subtests.test(name):
            clone.edit(file, *changes)
            clone.commit(f"Break main by {name}")
            printed = clone.push()
            run = clone.wait()
            assert run.exit_code == 1
            assert {stage for stage, status in run.stages.items() if status == "Failed"} == {"Build"}
            assert run.actions["UpdatePipeline/SelfMutate"] == "NotStarted"
            shown = clone.penstock("status").stdout
            assert len(re.findall(said, shown)) == 1, shown
            assert re.search(said, printed)
            assert clone.pipeline_template() == template
        clone.undo()

    column = '"id": {"S": submission.id},'
    clone.edit("services/intake/runtime/store.py", (column, f'{column} "new": {{"BOOL": True}},'))
    a_red_unit_test_goes_no_further_than_the_first_stage(clone)
    clone.commit("Keep more")
    printed = clone.push()
    run = clone.wait()
    assert succeeded(run), printed
    assert f"execution {run.execution}" in printed  # it never restarted
    assert clone.pipeline_template() == template
    _, answer = status_of(clone, printed_line(clone))
    assert clone.workflow(answer["id"])["status"] == "SUCCEEDED"
    assert clone.rows()[answer["id"]]["new"] == {"BOOL": True}


def a_red_unit_test_goes_no_further_than_the_first_stage(clone: Clone) -> None:
    test = clone.checkout / "services/intake/tests/test_more.py"
    test.parent.mkdir()
    test.write_text('def test_more() -> None:\n    assert "more" == "less"\n', encoding="utf-8")
    clone.commit("Test more")
    printed = clone.push()
    run = clone.wait()
    assert (run.exit_code, run.actions["dev/UnitTests"]) == (1, "Failed"), printed
    # What depends on the first deployments comes after the tests.
    deployed = [run.actions["dev/ingest.Deploy"], run.intake("dev", "Deploy"), run.stages["prod-gate"]]
    assert deployed == ["Succeeded", "NotStarted", "NotStarted"]
    assert "The unit tests of intake:" in clone.penstock("logs", "dev/UnitTests").stdout
    test.write_text('def test_more() -> None:\n    assert "more"\n', encoding="utf-8")


def test_a_push_that_adds_a_stage_deploys_it(clone: Clone) -> None:
    dev = (clone.checkout / "stages/dev.py").read_text(encoding="utf-8")
    clone.write("stages/canary.py", dev.replace("DEV = ", "CANARY = ").replace('"dev"', '"canary"'))
    clone.edit(
        "stages/catalogue.py",
        ("from stages.dev import DEV\n", "from stages.canary import CANARY\nfrom stages.dev import DEV\n"),
        ("(DEV, ", "(DEV, CANARY, "),
    )
    assert clone.penstock("ledger").returncode == 0
    clone.commit("Add a stage")
    expect_roles_of(clone, "dev", "canary")
    printed = clone.push()
    run = clone.wait()
    assert succeeded(run), printed
    assert run.intake("canary", "Deploy") == "Succeeded"
    assert list(run.stages).index("canary") == list(run.stages).index("dev") + 1
    assert "The pipeline updated itself and restarted." in printed
    assert "canary" in json.loads(clone.penstock("outputs", "--json").stdout)


def expect_roles_of(clone: Clone, *stages: str) -> None:
    """Deploy dev's foundation once more, as docs/aws.md asks before a stage comes to an account."""
    formation: Any = clone.client("cloudformation", accounts.DEV, accounts.FIRST_REGION)
    given = {"HoldsPipeline": "false", "KeepsData": "false", "RoleNames": ",".join(f"{each}-*" for each in stages)}
    formation.update_stack(
        StackName="penstock-foundation",
        TemplateBody=(clone.checkout / "pipeline/accounts/foundation.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    formation.get_waiter("stack_update_complete").wait(StackName="penstock-foundation", WaiterConfig={"Delay": 1})


def test_ctrl_c_ends_the_following_and_neither_the_push_nor_the_run(clone: Clone) -> None:
    commit = clone.commit("Change nothing")
    pushing = subprocess.Popen(
        ["git", "push", "local", "main"],
        cwd=clone.checkout,
        env=clone.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert pushing.stdout is not None
    for line in pushing.stdout:
        if "Build/Synth" in line:
            break
    os.killpg(pushing.pid, signal.SIGINT)  # as a terminal does, to every process in front
    pushing.communicate()
    origin = clone.checkout / ".penstock/origin.git"
    assert clone.git("--git-dir", str(origin), "rev-parse", "main") == commit
    until(lambda: json.loads(clone.penstock("status", "--json").stdout)["stages"][1]["status"] == "Succeeded")
    assert clone.penstock("stop").returncode == 0
    run = clone.wait()
    assert (run.exit_code, run.found["status"], run.found["commit"]) == (1, "Stopped", commit)
