"""CodePipeline in the local cloud: what a pipeline declares is what happens."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.pipelines import Tools, approval, parameter_template, stage, until

pytestmark = pytest.mark.cloud


@pytest.fixture
def tools(cloud: LocalCloud) -> Tools:
    return Tools(cloud)


def test_a_pipeline_deploys_its_source_by_a_change_set(tools: Tools) -> None:
    version = tools.push({"template.json": parameter_template(tools.name, "first", Where="here")})
    execution = tools.create(
        stage(
            "Deploy",
            tools.deployment("Prepare", "CHANGE_SET_REPLACE"),
            tools.deployment("Execute", "CHANGE_SET_EXECUTE", 2, namespace="Deployed"),
        )
    )
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    assert tools.parameter() == "first"
    actions = tools.actions(execution)
    assert actions["Fetch"]["output"]["outputVariables"]["VersionId"] == version
    assert actions["Execute"]["output"]["outputVariables"] == {"Where": "here"}


def deploy_stage(tools: Tools, name: str = "Deploy") -> dict[str, Any]:
    return stage(
        name,
        tools.deployment("Prepare", "CHANGE_SET_REPLACE"),
        tools.deployment("Execute", "CHANGE_SET_EXECUTE", 2),
    )


def test_a_change_set_without_changes_is_success(tools: Tools) -> None:
    tools.push({"template.json": parameter_template(tools.name, "same")})
    first = tools.create(deploy_stage(tools))
    assert tools.ended(first) == "Succeeded", tools.errors(first)
    second = tools.start()
    assert tools.ended(second) == "Succeeded", tools.errors(second)


def test_editing_the_deployed_pipeline_changes_what_the_next_run_does(tools: Tools) -> None:
    tools.push(
        {"template.json": parameter_template(tools.name, "one"), "other.json": parameter_template(tools.name, "two")}
    )
    assert tools.ended(tools.create(deploy_stage(tools))) == "Succeeded"
    assert tools.parameter() == "one"
    pipeline = tools.codepipeline.get_pipeline(name=tools.name)["pipeline"]
    pipeline["stages"][1]["actions"][0]["configuration"]["TemplatePath"] = "Code::other.json"
    assert tools.codepipeline.update_pipeline(pipeline=pipeline)["pipeline"]["version"] == 2
    assert tools.ended(tools.start()) == "Succeeded"
    assert tools.parameter() == "two"


def test_the_first_failed_resource_is_in_the_error_of_the_action(tools: Tools) -> None:
    """ "the details about the first failed resource will be included in the CodePipeline error message"

    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html
    """
    template = json.loads(parameter_template(tools.name, "x"))
    template["Resources"]["Broken"] = {
        "Type": "AWS::CodePipeline::Webhook",
        "Properties": {
            "Authentication": "UNAUTHENTICATED",
            "AuthenticationConfiguration": {},
            "Filters": [{"JsonPath": "$.ref"}],
            "TargetPipeline": tools.name,
            "TargetAction": "Fetch",
        },
    }
    tools.push({"template.json": json.dumps(template)})
    execution = tools.create(deploy_stage(tools))
    assert tools.ended(execution) == "Failed"
    message = tools.error(execution, "Execute")
    assert "Broken (AWS::CodePipeline::Webhook) CREATE_FAILED: AWS::CodePipeline::Webhook is not emulated" in message
    # The stack is ROLLBACK_COMPLETE now; a good template gets through all the same.
    tools.push({"template.json": parameter_template(tools.name, "good")})
    again = tools.start()
    assert tools.ended(again) == "Succeeded", tools.errors(again)
    assert tools.parameter() == "good"


def test_an_execution_waits_for_an_approval_whose_token_works_once(tools: Tools) -> None:
    tools.push({"a": "b"})
    execution = tools.create(stage("Gate", approval()))
    token = tools.approval_token("Gate", "Approve")
    assert tools.status(execution) == "InProgress"
    arguments = {
        "pipelineName": tools.name,
        "stageName": "Gate",
        "actionName": "Approve",
        "result": {"status": "Approved", "summary": "looks good"},
    }
    with pytest.raises(ClientError, match="InvalidApprovalTokenException"):
        tools.codepipeline.put_approval_result(**arguments, token="00000000-0000-0000-0000-000000000000")
    tools.codepipeline.put_approval_result(**arguments, token=token)
    assert tools.ended(execution) == "Succeeded"
    with pytest.raises(ClientError, match="ApprovalAlreadyCompletedException"):
        tools.codepipeline.put_approval_result(**arguments, token=token)


def test_a_rejected_approval_fails_the_stage_and_a_retry_asks_again(tools: Tools) -> None:
    tools.push({"a": "b"})
    execution = tools.create(stage("Gate", approval()))
    tools.approve("Gate", "Approve", "Rejected")
    assert tools.ended(execution) == "Failed"
    assert "because" in tools.error(execution, "Approve")
    tools.codepipeline.retry_stage_execution(
        pipelineName=tools.name, stageName="Gate", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
    )
    tools.approve("Gate", "Approve")
    assert tools.ended(execution) == "Succeeded"
    assert tools.stages()["Gate"]["retryStageMetadata"]["manualStageRetryAttempt"] == 1


def test_an_execution_that_waits_for_a_stage_is_superseded_by_a_newer_one(tools: Tools) -> None:
    """ "Waiting executions are superseded by more recent executions"

    https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
    """
    tools.push({"a": "b"})
    first = tools.create(stage("Gate", approval()))
    tools.approval_token("Gate", "Approve")
    second = tools.start()
    until(lambda: tools.stages()["Gate"].get("inboundExecution", {}).get("pipelineExecutionId"), lambda i: i == second)
    third = tools.start()
    assert tools.ended(second) == "Superseded"
    tools.approve("Gate", "Approve")
    assert tools.ended(first) == "Succeeded"
    tools.approve("Gate", "Approve")
    assert tools.ended(third) == "Succeeded"


def test_an_update_cancels_what_is_under_way(tools: Tools) -> None:
    """ "Cancelled: The pipeline's definition was updated before the pipeline execution could be completed."

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html
    """
    tools.push({"a": "b"})
    execution = tools.create(stage("Gate", approval()))
    tools.approval_token("Gate", "Approve")
    tools.codepipeline.update_pipeline(pipeline=tools.definition(stage("Other", approval())))
    assert tools.ended(execution) == "Cancelled"
    assert len(tools.executions()) == 1


def test_a_variable_that_cannot_be_resolved_fails_the_action(tools: Tools) -> None:
    tools.push({"template.json": parameter_template(tools.name, "x")})
    execution = tools.create(
        stage(
            "Deploy",
            tools.deployment("Prepare", "CHANGE_SET_REPLACE", configuration={"ChangeSetName": "c#{Source.Nothing}"}),
        )
    )
    assert tools.ended(execution) == "Failed"
    assert "Source.Nothing" in tools.error(execution, "Prepare")
