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
from tests.end_to_end.clone import TOOLS_ACCOUNT, TOOLS_REGION, Clone, make

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
