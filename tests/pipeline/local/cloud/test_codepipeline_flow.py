"""How executions share a pipeline, stop, go on and go back; and what the event bus hears of it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.pipelines import HOME, TOOLS, Tools, approval, parameter_template, stage, until
from tests.testbed.roles import letting_in

pytestmark = pytest.mark.cloud


@pytest.fixture
def tools(cloud: LocalCloud) -> Tools:
    made = Tools(cloud)
    made.push({"template.json": parameter_template(made.name, "first")})
    return made


def test_queued_executions_keep_their_order(tools: Tools) -> None:
    """ "QUEUED mode: Executions are processed one by one in the order that they are queued."

    https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
    """
    first = tools.create(stage("Gate", approval()), executionMode="QUEUED")
    tools.approval_token("Gate", "Approve")
    second, third = tools.start(), tools.start()
    until(lambda: len(tools.stages()["Gate"]["inboundExecutions"]), lambda number: number == 2)
    for execution in (first, second, third):
        until(lambda: str(tools.stages()["Gate"]["latestExecution"]["pipelineExecutionId"]), execution.__eq__)
        tools.approve("Gate", "Approve")
        assert tools.ended(execution) == "Succeeded"


def test_parallel_executions_do_not_wait_for_one_another(tools: Tools) -> None:
    """ "PARALLEL mode: executions run simultaneously and independently of one another." (as above)"""
    first = tools.create(stage("Gate", approval()), executionMode="PARALLEL")
    second = tools.start()

    def both() -> list[str]:
        return [tools.actions(each).get("Approve", {}).get("status", "") for each in (first, second)]

    until(both, ["InProgress", "InProgress"].__eq__)


def test_a_disabled_transition_holds_executions_until_it_is_enabled(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/transitions.html"""
    execution = tools.create(stage("One", approval("A")), stage("Two", approval("B")))
    arguments = {"pipelineName": tools.name, "stageName": "Two", "transitionType": "Inbound"}
    tools.codepipeline.disable_stage_transition(**arguments, reason="holiday")
    tools.approve("One", "A")
    waiting = until(lambda: tools.stages()["Two"].get("inboundExecution"), bool)
    assert waiting is not None
    assert waiting["pipelineExecutionId"] == execution
    tools.codepipeline.enable_stage_transition(**arguments)
    tools.approve("Two", "B")
    assert tools.ended(execution) == "Succeeded"


def test_actions_of_one_order_run_side_by_side_and_the_next_order_waits(tools: Tools) -> None:
    tools.create(stage("Gate", approval("A"), approval("B"), approval("C", 2)))
    tools.approve("Gate", "A")
    tools.approval_token("Gate", "B")
    states = {state["actionName"]: state for state in tools.stages()["Gate"]["actionStates"]}
    assert "latestExecution" not in states["C"]
    tools.approve("Gate", "B")
    tools.approve("Gate", "C")


def test_a_stopped_execution_waits_for_its_running_actions(tools: Tools) -> None:
    """ "Stop and wait: All in-progress action executions are allowed to complete, and subsequent actions are not
    started."

    https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
    """
    execution = tools.create(stage("Gate", approval("A"), approval("B", 2)))
    tools.approval_token("Gate", "A")
    arguments = {"pipelineName": tools.name, "pipelineExecutionId": execution, "reason": "enough"}
    tools.codepipeline.stop_pipeline_execution(**arguments)
    assert tools.status(execution) == "Stopping"
    with pytest.raises(ClientError, match="DuplicatedStopRequestException"):
        tools.codepipeline.stop_pipeline_execution(**arguments)
    tools.approve("Gate", "A")
    assert tools.ended(execution) == "Stopped"
    assert tools.executions()[0]["stopTrigger"]["reason"] == "enough"


def test_an_abandoned_execution_stops_at_once(tools: Tools) -> None:
    """ "Stop and abandon: All in-progress action executions are abandoned" (as above)"""
    execution = tools.create(stage("Gate", approval("A")))
    tools.approval_token("Gate", "A")
    tools.codepipeline.stop_pipeline_execution(pipelineName=tools.name, pipelineExecutionId=execution, abandon=True)
    assert tools.ended(execution) == "Stopped"
    assert tools.actions(execution)["A"]["status"] == "Abandoned"


def test_a_stage_rolls_back_to_what_an_earlier_execution_brought(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-rollback.html"""
    first = tools.create(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE")))
    assert tools.ended(first) == "Succeeded", tools.errors(first)
    tools.push({"template.json": parameter_template(tools.name, "second")})
    assert tools.ended(tools.start()) == "Succeeded"
    assert tools.parameter() == "second"
    rollback = tools.codepipeline.rollback_stage(
        pipelineName=tools.name, stageName="Deploy", targetPipelineExecutionId=first
    )["pipelineExecutionId"]
    assert tools.ended(rollback) == "Succeeded", tools.errors(rollback)
    assert tools.parameter() == "first"
    latest = tools.executions()[0]
    assert latest["executionType"] == "ROLLBACK"
    assert latest["rollbackMetadata"]["rollbackTargetPipelineExecutionId"] == first


def test_a_rollback_needs_a_target_of_the_same_structure(tools: Tools) -> None:
    """ "You can only roll back to a previous execution if the previous execution was started in the current pipeline
    structure version." https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-rollback.html
    """
    first = tools.create(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE")))
    assert tools.ended(first) == "Succeeded"
    changed = tools.definition(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE"), approval("More", 2)))
    tools.codepipeline.update_pipeline(pipeline=changed)
    with pytest.raises(ClientError, match="PipelineExecutionOutdatedException"):
        tools.codepipeline.rollback_stage(pipelineName=tools.name, stageName="Deploy", targetPipelineExecutionId=first)


def test_a_failing_stage_rolls_back_by_itself_where_it_says_so(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-rollback-auto.html"""
    deploy = stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE"), onFailure={"result": "ROLLBACK"})
    first = tools.create(deploy)
    assert tools.ended(first) == "Succeeded"
    tools.push({"nothing": "here"})
    assert tools.ended(tools.start()) == "Failed"
    latest = until(tools.executions, lambda found: len(found) == 3)[0]
    assert latest["trigger"]["triggerType"] == "AutomatedRollback"
    assert tools.ended(latest["pipelineExecutionId"]) == "Succeeded"


def test_a_failing_stage_is_retried_once_where_it_says_so(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-retry.html#stage-retry-auto"""
    tools.push({"nothing": "here"})
    deploy = stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE"), onFailure={"result": "RETRY"})
    execution = tools.create(deploy)
    state = until(lambda: tools.stages()["Deploy"], lambda state: "retryStageMetadata" in state)
    assert state["retryStageMetadata"]["latestRetryTrigger"] == "AutomatedStageRetry"
    assert tools.ended(execution) == "Failed"
    assert tools.stages()["Deploy"]["retryStageMetadata"]["autoStageRetryAttempt"] == 1


def test_the_same_request_token_is_the_same_execution(tools: Tools) -> None:
    tools.create(stage("Gate", approval()))
    token = {"clientRequestToken": "a" * 36}
    assert tools.start(**token) == tools.start(**token)


def test_variables_have_defaults_and_can_be_given(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html"""
    configuration = {"CustomData": "to #{variables.place} in #{codepipeline.PipelineExecutionId}"}
    tools.create(
        stage("Gate", approval(configuration=configuration)),
        variables=[{"name": "place", "defaultValue": "nowhere"}],
        executionMode="PARALLEL",
    )
    execution = tools.start(variables=[{"name": "place", "value": "prod"}])
    run = until(lambda: tools.actions(execution).get("Approve"), bool)
    assert run is not None
    assert run["input"]["resolvedConfiguration"] == {"CustomData": f"to prod in {execution}"}
    assert run["input"]["configuration"] == configuration


def queue_of(tools: Tools, name: str) -> tuple[Any, str, str]:
    """A topic, and the queue that hears it."""
    sns: Any = tools.cloud.client("sns")
    sqs: Any = tools.cloud.client("sqs")
    arn = f"arn:aws:sqs:{HOME}:{TOOLS}:{tools.name}-{name}"
    topic = sns.create_topic(Name=f"{tools.name}-{name}")["TopicArn"]
    heard = {"Policy": letting_in("sns.amazonaws.com", action="sqs:SendMessage", resource=arn)}
    queue = sqs.create_queue(QueueName=f"{tools.name}-{name}", Attributes=heard)["QueueUrl"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
    )
    return sqs, topic, queue


def received(sqs: Any, queue: str) -> dict[str, Any]:
    message = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    body: dict[str, Any] = json.loads(message["Body"])
    return body


def test_a_rule_for_failures_tells_its_topic(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html"""
    sqs, topic, queue = queue_of(tools, "failures")
    open_ = letting_in("events.amazonaws.com", action="sns:Publish", resource=topic)
    tools.cloud.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=open_)
    events: Any = tools.cloud.client("events")
    pattern = {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Action Execution State Change"],
        "detail": {"pipeline": [tools.name], "state": ["FAILED"]},
    }
    events.put_rule(Name=tools.name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=tools.name, Targets=[{"Id": "1", "Arn": topic}])
    tools.push({"nothing": "here"})
    execution = tools.create(stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE")))
    event = received(sqs, queue)
    assert event["resources"] == [f"arn:aws:codepipeline:{HOME}:{TOOLS}:{tools.name}"]
    assert event["detail"]["execution-id"] == execution
    assert event["detail"]["stage"] == "Deploy"
    assert event["detail"]["type"]["provider"] == "CloudFormation"
    assert "template.json" in event["detail"]["execution-result"]["external-execution-summary"]


def test_an_approval_tells_its_topic_what_to_answer(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html"""
    sqs, topic, queue = queue_of(tools, "approvals")
    tools.create(stage("Gate", approval(configuration={"NotificationArn": topic, "CustomData": "look first"})))
    asked = received(sqs, queue)["approval"]
    assert asked["customData"] == "look first"
    assert asked["token"] == tools.approval_token("Gate", "Approve")
