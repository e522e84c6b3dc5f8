"""A platform that was stopped, killed or kept from starting goes on from where it was."""

import json
import logging
import os
import random
import shutil
import socket
import threading

import pytest

from tests.end_to_end.clone import Clone, until
from tests.testbed.killing import kill

logger = logging.getLogger(__name__)
pytestmark = pytest.mark.cloud
FIRST_STAGE = "dev"
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 23))]
HANDLER = "services/intake/runtime/handler.py"
DEPLOYMENTS_SECONDS = 2.0
"""About how long the deployments to both stages take."""


@pytest.fixture(scope="module")
def clone(approving: Clone) -> Clone:
    return approving


def history(clone: Clone) -> dict[str, str]:
    """Execution -> status, of all runs that the pipeline remembers."""
    found = clone.client("codepipeline").list_pipeline_executions(pipelineName="penstock")
    return {each["pipelineExecutionId"]: each["status"] for each in found["pipelineExecutionSummaries"]}


def deploys(clone: Clone) -> bool:
    """Whether the newest run has come to its first stage."""
    pipeline = clone.client("codepipeline")
    newest = pipeline.list_pipeline_executions(pipelineName="penstock")["pipelineExecutionSummaries"][0]
    begun = pipeline.list_action_executions(
        pipelineName="penstock", filter={"pipelineExecutionId": newest["pipelineExecutionId"]}
    )
    return any(action["stageName"] == FIRST_STAGE for action in begun["actionExecutionDetails"])


def call(clone: Clone) -> str:
    """Submit something to production; returns the submission, once it is a row."""
    answer = json.loads(clone.penstock("call", "intake", "--stage", "prod", "--json").stdout)
    submission = str(json.loads(answer["body"])["id"])
    assert clone.workflow(submission)["status"] == "SUCCEEDED"
    return submission


def assert_nothing_is_in_progress(clone: Clone) -> None:
    """In no account and region that holds a stack."""
    for account in ("999999999999", "111111111111", "222222222222", "333333333333", "444444444444"):
        for region in ("eu-west-1", "us-east-1"):
            stacks = clone.client("cloudformation", account, region).describe_stacks()["Stacks"]
            assert [each["StackName"] for each in stacks if each["StackStatus"].endswith("_IN_PROGRESS")] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_during_the_deployments_loses_nothing_and_blocks_nothing(clone: Clone, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose
    submission = call(clone)
    clone.edit(HANDLER, ("logger = ", f"# {chance.random()}\nlogger = "))
    commit = clone.commit(f"Be killed by seed {seed}")
    earlier = history(clone)
    clone.push_and_leave()
    until(lambda: deploys(clone))
    seconds = chance.uniform(0, DEPLOYMENTS_SECONDS)
    threading.Event().wait(seconds)
    kill(clone.cloud)
    up = clone.up("APPROVE=auto")
    assert up.returncode in (0, 2), up.stdout + up.stderr
    assert_nothing_is_in_progress(clone)
    assert submission in clone.rows()
    run = clone.wait()
    assert run.found["commit"] == commit
    assert earlier.items() <= history(clone).items()
    failed = [name for name, status in run.actions.items() if status == "Failed"]
    logger.info("seed %d: killed after %.2f s, in %s", seed, seconds, failed or "no action")
    if run.exit_code:
        assert failed
        assert "local cloud was stopped" in up.stdout
        assert clone.penstock("retry").returncode == 0
    run = clone.wait()
    assert (run.exit_code, set(run.stages.values())) == (0, {"Succeeded"})
    assert call(clone) in clone.rows()


def test_down_keeps_everything_and_erase_forgets_it(clone: Clone) -> None:
    submission, runs = call(clone), history(clone)
    assert clone.penstock("down").returncode == 0
    stopped = clone.penstock("status")
    assert (stopped.returncode, stopped.stdout) == (2, "")
    assert "The local cloud does not run. `make up` starts it" in stopped.stderr

    home, kept = clone.checkout / ".penstock", clone.checkout.parent / "kept"
    shutil.copytree(home, kept, symlinks=True)
    assert clone.penstock("down", "--erase").returncode == 0
    assert not (home / "cloud").exists()
    assert not (home / "origin.git").exists()
    shutil.rmtree(home)
    kept.rename(home)

    up = clone.up("APPROVE=auto")
    assert up.returncode == 0, up.stdout + up.stderr
    assert history(clone) == runs
    assert submission in clone.rows()
    assert call(clone) in clone.rows()


def test_make_up_restarts_a_cloud_that_older_code_started_and_keeps_what_it_holds(clone: Clone) -> None:
    submission, older = call(clone), clone.cloud.emulator_pid
    clone.write("pipeline/local/cloud/newer.py", '"""Newer code."""\n')
    up = clone.up("APPROVE=auto")
    (clone.checkout / "pipeline/local/cloud/newer.py").unlink()  # files that share this platform commit what they find
    assert up.returncode == 0, up.stdout + up.stderr
    assert clone.cloud.emulator_pid != older
    assert submission in clone.rows()


def test_a_port_in_use_is_one_clear_error_and_make_up_recovers(clone: Clone) -> None:
    runs = history(clone)
    assert clone.penstock("down").returncode == 0
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", clone.port))
        stranger.listen()
        up = clone.up("APPROVE=auto")
        assert up.returncode != 0
        said = up.stdout + up.stderr
        assert f"Port {clone.port} of 127.0.0.1" in said
        assert f"(process {os.getpid()})" in said
        assert "Traceback" not in said
    up = clone.up("APPROVE=auto")
    assert up.returncode == 0, up.stdout + up.stderr
    assert history(clone) == runs
