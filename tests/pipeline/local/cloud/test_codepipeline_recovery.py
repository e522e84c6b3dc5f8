"""What a pipeline remembers when its cloud is killed."""

import os
import signal
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from tests.conftest import FreshCloud
from tests.testbed.pipelines import Tools, action, approval, parameter_template, stage, until

pytestmark = pytest.mark.cloud


def kill(cloud: LocalCloud) -> None:
    """Without a warning, once it has saved that an action finished."""
    until(cloud.place.log.read_text, lambda log: "Snapshot after a finished action" in log)
    os.kill(cloud.emulator_pid, signal.SIGKILL)
    until(lambda: cloud.is_running, lambda running: not running)


def project(tools: Tools, buildspec: str) -> str:
    """A CodeBuild project of the pipeline."""
    codebuild: Any = tools.cloud.client("codebuild")
    codebuild.create_project(
        name=tools.name,
        source={"type": "CODEPIPELINE", "buildspec": buildspec},
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=tools.role,
    )
    return tools.name


def test_an_interrupted_action_shows_as_failed_and_a_retry_goes_on_from_there(fresh_cloud: FreshCloud) -> None:
    tools = Tools(fresh_cloud())
    tools.push({"template.json": parameter_template(tools.name, "kept")})
    # The first build outlives the cloud; the second finds the mark that the first has left.
    mark = tools.cloud.place.folder / "mark"
    script = f"test -e {mark} || (touch {mark} && sleep 600)"
    spec = f"version: 0.2\nphases: {{build: {{commands: ['{script}']}}}}\n"
    build = action("Build", "Build/CodeBuild", {"ProjectName": project(tools, spec)}, inputs=["Code"])
    execution = tools.create(stage("Build", build), stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE")))
    until(mark.exists, bool)
    kill(tools.cloud)

    tools.connect(fresh_cloud())
    assert tools.status(execution) == "Failed"
    actions = tools.actions(execution)
    assert actions["Fetch"]["status"] == "Succeeded"
    assert actions["Build"]["status"] == "Failed"
    error = actions["Build"]["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "InternalError"
    assert "local cloud was stopped" in error["message"]
    tools.codepipeline.retry_stage_execution(
        pipelineName=tools.name, stageName="Build", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
    )
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    assert tools.parameter() == "kept"


def test_an_approval_that_waited_is_answered_by_a_cloud_that_now_approves_by_itself(fresh_cloud: FreshCloud) -> None:
    tools = Tools(fresh_cloud())
    tools.push({"template.json": parameter_template(tools.name, "approved")})
    execution = tools.create(stage("Gate", approval()), stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE")))
    tools.approval_token("Gate", "Approve")
    kill(tools.cloud)

    tools.connect(fresh_cloud(approve="auto"))
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    assert tools.parameter() == "approved"


def test_an_approval_still_waits_with_the_same_token(fresh_cloud: FreshCloud) -> None:
    tools = Tools(fresh_cloud())
    tools.push({"a": "b"})
    execution = tools.create(stage("Gate", approval()))
    token = tools.approval_token("Gate", "Approve")
    kill(tools.cloud)

    tools.connect(fresh_cloud())
    assert tools.approval_token("Gate", "Approve") == token
    tools.approve("Gate", "Approve")
    assert tools.ended(execution) == "Succeeded"
