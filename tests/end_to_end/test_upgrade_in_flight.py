"""The next version is pushed to a platform that holds data and a run that waits: nothing is lost or passes by itself.

The platform of an earlier commit comes from this repository's history; docs/upgrade-penstock.md says what was seen.
"""

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from pipeline.local.environment import drop_aws_variables
from tests.conftest import ROOT
from tests.end_to_end.clone import (
    PRODUCTION_ACCOUNT,
    PRODUCTION_REGION,
    TOOLS_ACCOUNT,
    TOOLS_REGION,
    Clone,
    make,
    narrow,
    until,
    with_history,
)

pytestmark = [pytest.mark.soak, pytest.mark.cloud]
EARLIER = "e82e3253555cd7f4ce94c82e3ef10a7acb29b421"
"""Before payloads travelled as text, the bootstrap was the platform's own and approvals had a stage of their own."""
STAGES = ("dev", "qa", "staging", "prod")


@pytest.fixture
def earlier(tmp_path: Path) -> Clone:
    """A clone of the earlier commit; its branch `next` is this checkout."""
    made = make(tmp_path)
    drop_aws_variables(made.environment)
    made.git("branch", "next")
    made.git("rm", "-r", "--quiet", ".")
    archive = subprocess.run(["git", "archive", EARLIER], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(made.checkout, filter="data")
    made.commit("An earlier version")
    return made


def post(clone: Clone, stage: str) -> str:
    """The id of a submission that was accepted."""
    done = clone.penstock("call", "intake", "--stage", stage)
    found = re.search(r'\{"id": "([^"]+)"\}', done.stdout + done.stderr)
    assert found, done.stdout + done.stderr
    return found[1]


def status_of(clone: Clone, execution: str) -> str:
    pipeline = clone.client("codepipeline", TOOLS_ACCOUNT, TOOLS_REGION)
    found = pipeline.get_pipeline_execution(pipelineName="penstock", pipelineExecutionId=execution)
    return str(found["pipelineExecution"]["status"])


def test_next_version_loses_nothing_and_asks_again(earlier: Clone) -> None:
    try:
        assert earlier.up().returncode == 0
        posted = {post(earlier, stage) for stage in STAGES if stage != "prod"}
        accepted = {post(earlier, "prod") for _ in range(5)}
        assert len(posted | accepted) == len(STAGES) + 4
        earlier.commit("A change that waits")
        earlier.push_and_leave()
        waiting = earlier.wait()
        assert (waiting.exit_code, waiting.stages["prod"]) == (3, "WaitingForApproval")

        earlier.git("read-tree", "-u", "--reset", "next")
        earlier.commit("The next version")
        done = earlier.up()
        assert done.returncode == 0, done.stdout + done.stderr
        run = earlier.wait()
        assert (run.exit_code, run.stages["prod-gate"], run.stages["prod"]) == (3, "WaitingForApproval", "NotStarted")
        assert status_of(earlier, waiting.execution) == "Cancelled"
        before = earlier.rows()
        assert accepted <= before.keys()
        assert {earlier.workflow(each)["status"] for each in accepted} == {"SUCCEEDED"}

        approved = earlier.penstock("approve", "--yes", "--why", "The next version", "--json")
        assert approved.returncode == 0, approved.stdout + approved.stderr
        assert earlier.wait().exit_code == 0
        assert {name: earlier.rows().get(name) for name in before} == before
        assert earlier.workflow(post(earlier, "prod"))["status"] == "SUCCEEDED"
    finally:
        earlier.penstock("down", "--erase")


BRANCH = "feature/ours"
OURS = ("docs/push.md", "    push -> Source -> Build", "    push -> Source -> our review -> Build")
"""An edit of a platform's page, in a line that later versions have changed."""


@pytest.fixture
def company(tmp_path: Path) -> Clone:
    """A company that began with the earlier commit, with a service of its own, and an edit of a platform's page."""
    made = with_history(tmp_path, EARLIER)
    drop_aws_variables(made.environment)
    narrow(made, "Ingest()", "Intake(claim_check=True)")
    done = made.penstock("new", "service", "payments")
    assert done.returncode == 0, done.stdout + done.stderr
    made.edit(OURS[0], OURS[1:])
    made.commit("Add payments, and say how we push")
    return made


def reads_the_stream(clone: Clone, *, enabled: bool) -> None:
    """Have production's ingest read its stream, or let records wait in it."""
    client = clone.client("lambda", PRODUCTION_ACCOUNT, PRODUCTION_REGION)
    sources = [
        each["UUID"]
        for each in client.list_event_source_mappings()["EventSourceMappings"]
        if ":kinesis:" in each["EventSourceArn"]
    ]
    assert len(sources) == 1
    client.update_event_source_mapping(UUID=sources[0], Enabled=enabled)


def ingested(clone: Clone) -> set[str]:
    """The ids of what production's ingest has written down."""
    formation = clone.client("cloudformation", PRODUCTION_ACCOUNT, PRODUCTION_REGION)
    found = formation.describe_stack_resources(StackName="prod-ingest")["StackResources"]
    (table,) = [each["PhysicalResourceId"] for each in found if each["ResourceType"] == "AWS::DynamoDB::Table"]
    items = clone.client("dynamodb", PRODUCTION_ACCOUNT, PRODUCTION_REGION).scan(TableName=table)["Items"]
    return {item["id"]["S"].rpartition("#")[2] for item in items}  # rows of several kinds say of which they are


def upgrade_by_the_next_version(clone: Clone) -> None:
    """Go the way of a version that has no `penstock upgrade`: docs/upgrade-penstock.md."""
    lent = clone.checkout.with_name("lent")
    clone.git("worktree", "add", "--quiet", "--detach", str(lent), "next")
    python = ("env", f"PYTHONPATH={lent}", ".venv/bin/python", "-P", "-m", "pipeline.cli.upgrade")
    stopped = clone.run(*python, "next")
    assert stopped.returncode == 1, stopped.stdout + stopped.stderr
    conflicts = [line for line in stopped.stdout.splitlines() if line.startswith("conflict")]
    assert [line.split()[1] for line in conflicts] == [f"{OURS[0]}:"], stopped.stdout
    assert "Add payments, and say how we push" in conflicts[0]
    clone.git("checkout", "--theirs", OURS[0])
    clone.git("add", OURS[0])
    ended = clone.run(*python, "--continue", "--no-review")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert clone.git("status", "--porcelain") == ""


def passes(clone: Clone, *arguments: str) -> str:
    done = clone.penstock(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_company_upgrades_with_records_in_its_stream_and_a_branch(company: Clone) -> None:
    try:
        up = company.up()
        assert up.returncode == 0, up.stdout + up.stderr
        passes(company, "branch", "up", "--branch", BRANCH, "--services", "payments")
        secret = company.cloud.place.root_secret
        secret.write_text("any", encoding="ascii")  # that version's cloud took any, and wrote none down
        reads_the_stream(company, enabled=False)
        accepted = {post(company, "prod") for _ in range(3)}
        assert {company.workflow(each)["status"] for each in accepted} == {"SUCCEEDED"}
        assert accepted.isdisjoint(ingested(company))
        secret.unlink()

        upgrade_by_the_next_version(company)
        up = company.up()
        assert up.returncode == 0, up.stdout + up.stderr
        assert company.wait().exit_code == 3
        passes(company, "approve", "--yes", "--why", "The next version")
        assert company.wait().exit_code == 0
        reads_the_stream(company, enabled=True)
        until(lambda: accepted <= ingested(company))

        assert BRANCH in passes(company, "branch", "list")
        passes(company, "branch", "up", "--branch", BRANCH, "--services", "payments")
        passes(company, "branch", "down", "--branch", BRANCH)
    finally:
        company.penstock("down", "--erase")
