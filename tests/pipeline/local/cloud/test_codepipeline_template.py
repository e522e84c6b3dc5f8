"""Pipelines as CloudFormation describes them, and a pipeline that changes itself."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.pipelines import Tools, action, approval, parameter_template, stage, until

pytestmark = pytest.mark.cloud


@pytest.fixture
def tools(cloud: LocalCloud) -> Tools:
    return Tools(cloud)


def capitalised(value: Any) -> Any:
    """A part of a pipeline in CloudFormation's spelling."""
    if isinstance(value, dict):
        return {
            key[0].upper() + key[1:]: item if key == "configuration" else capitalised(item)
            for key, item in value.items()
        }
    return [capitalised(item) for item in value] if isinstance(value, list) else value


def template(tools: Tools, *stages: dict[str, Any], **properties: Any) -> dict[str, Any]:
    described = capitalised(tools.definition(*stages)) | properties
    return {"Resources": {"Pipeline": {"Type": "AWS::CodePipeline::Pipeline", "Properties": described}}}


def trigger(source: str) -> dict[str, Any]:
    return {"providerType": "CodeStarSourceConnection", "gitConfiguration": {"sourceActionName": source}}


class Stack:
    """A stack of its own for a pipeline."""

    def __init__(self, tools: Tools) -> None:
        self.name = f"{tools.name}-pipeline"
        self.client: Any = tools.cloud.client("cloudformation")

    def create(self, body: dict[str, Any]) -> str:
        self.client.create_stack(StackName=self.name, TemplateBody=json.dumps(body))
        return self.settled()

    def update(self, body: dict[str, Any]) -> str:
        self.client.update_stack(StackName=self.name, TemplateBody=json.dumps(body))
        return self.settled()

    def settled(self) -> str:
        return until(self._status, lambda status: not status.endswith("_IN_PROGRESS"))

    def why(self) -> str:
        events = self.client.describe_stack_events(StackName=self.name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    def _status(self) -> str:
        return str(self.client.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"])


def test_a_template_makes_updates_and_deletes_a_pipeline(tools: Tools) -> None:
    tools.push({"a": "b"})
    stack = Stack(tools)
    assert stack.create(template(tools, stage("Gate", approval()))) == "CREATE_COMPLETE", stack.why()
    assert tools.executions()[0]["trigger"]["triggerType"] == "CreatePipeline"
    assert stack.update(template(tools, stage("Gate", approval("Again")))) == "UPDATE_COMPLETE", stack.why()
    pipeline = tools.codepipeline.get_pipeline(name=tools.name)["pipeline"]
    assert pipeline["version"] == 2
    assert pipeline["stages"][1]["actions"][0]["name"] == "Again"
    stack.client.delete_stack(StackName=stack.name)
    until(
        lambda: [each["name"] for each in tools.codepipeline.list_pipelines()["pipelines"]],
        lambda names: tools.name not in names,
    )


def test_stores_by_region_disabled_transitions_and_tags_come_from_the_template(tools: Tools) -> None:
    tools.push({"a": "b"})
    body = template(
        tools,
        stage("Gate", approval()),
        ArtifactStores=[{"Region": "us-east-1", "ArtifactStore": {"Type": "S3", "Location": tools.bucket}}],
        DisableInboundStageTransitions=[{"StageName": "Gate", "Reason": "not yet"}],
        Tags=[{"Key": "team", "Value": "platform"}],
    )
    del body["Resources"]["Pipeline"]["Properties"]["ArtifactStore"]
    stack = Stack(tools)
    assert stack.create(body) == "CREATE_COMPLETE", stack.why()
    found = tools.codepipeline.get_pipeline(name=tools.name)
    assert found["pipeline"]["artifactStores"]["us-east-1"]["location"] == tools.bucket
    assert tools.stages()["Gate"]["inboundTransitionState"]["disabledReason"] == "not yet"
    tags = tools.codepipeline.list_tags_for_resource(resourceArn=found["metadata"]["pipelineArn"])
    assert tags["tags"] == [{"key": "team", "value": "platform"}]


@pytest.mark.parametrize("type_", ["V1", "V2"])
def test_a_template_may_have_no_triggers_and_no_variables(tools: Tools, type_: str) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineDeclaration.html: "Array Members: ...
    Maximum number of 50 items" for both; templates that are made by programs have empty ones.
    """
    stack = Stack(tools)
    body = template(tools, stage("Gate", approval()), PipelineType=type_, Triggers=[], Variables=[])
    assert stack.create(body) == "CREATE_COMPLETE", stack.why()


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"PipelineType": "V1", "ExecutionMode": "QUEUED"}, "require a pipeline of type V2"),
        ({"Triggers": [capitalised(trigger("Nobody"))]}, "a trigger names Nobody"),
        (
            {
                "ArtifactStore": {"Ref": "AWS::NoValue"},
                "ArtifactStores": [
                    {"Region": "eu-west-1", "ArtifactStore": {"Type": "S3", "Location": "in-another-region"}}
                ],
            },
            "artifactStores must contain its own region, us-east-1",
        ),
    ],
)
def test_a_template_of_a_pipeline_that_aws_would_refuse_fails(
    tools: Tools, properties: dict[str, Any], reason: str
) -> None:
    stack = Stack(tools)
    assert stack.create(template(tools, stage("Gate", approval()), **properties)) == "ROLLBACK_COMPLETE"
    assert reason in stack.why()


@pytest.mark.parametrize("properties", [{"Colour": "red"}, {"ExecutionMode": "SIDEWAYS"}, {"Stages": "none"}])
def test_a_template_with_properties_that_a_pipeline_does_not_have_is_refused(
    tools: Tools, properties: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match=next(iter(properties))):
        Stack(tools).create(template(tools, stage("Gate", approval()), **properties))


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"colour": "red"}, "pipeline has no property colour"),
        ({"stages": [{"name": "Only", "actions": [{"name": "A", "when": "now"}]}]}, "has no property when"),
        ({"executionMode": "SIDEWAYS"}, "it can be QUEUED, SUPERSEDED, PARALLEL"),
        ({"stages": []}, "at least two stages"),
        ({"artifactStores": {}}, "cannot use both"),
        (
            {"stages": [stage("Gate", {**approval(), "configuration": {"CustomData": "x" * 1_001}})]},
            "configuration.CustomData has 1001 characters; it can have 1000",
        ),
    ],
)
def test_a_pipeline_that_the_model_of_the_api_does_not_have_is_refused(
    tools: Tools, part: dict[str, Any], reason: str
) -> None:
    """Sent as it is: boto3 would refuse some of it by itself."""
    answer = tools.raw("CreatePipeline", {"pipeline": tools.definition(stage("Gate", approval())) | part})
    assert reason in answer["message"]


def test_an_update_without_a_change_starts_nothing(tools: Tools) -> None:
    tools.push({"a": "b"})
    body = template(tools, stage("Gate", approval()), RestartExecutionOnUpdate=True)
    stack = Stack(tools)
    stack.create(body)
    body["Resources"]["Pipeline"]["Properties"]["Tags"] = [{"Key": "team", "Value": "platform"}]
    assert stack.update(body) == "UPDATE_COMPLETE"
    assert len(tools.executions()) == 1
    assert tools.codepipeline.get_pipeline(name=tools.name)["pipeline"]["version"] == 1


def test_a_pipeline_that_updates_itself_starts_again_and_its_old_execution_ends_cancelled(tools: Tools) -> None:
    """The change arrives in the same push that made it, as CDK Pipelines' self-mutation has it.

    "RestartExecutionOnUpdate: Indicates whether to rerun the CodePipeline pipeline after you update it."
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-codepipeline-pipeline.html
    "Cancelled: The pipeline's definition was updated before the pipeline execution could be completed."
    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html
    """
    stack = Stack(tools)

    def body(*more: dict[str, Any]) -> dict[str, Any]:
        configuration = {
            "ActionMode": "CREATE_UPDATE",
            "StackName": stack.name,
            "TemplatePath": "Code::pipeline.json",
            "RoleArn": tools.role,
        }
        mutate = action("SelfMutate", "Deploy/CloudFormation", configuration, inputs=["Code"])
        return template(tools, stage("UpdatePipeline", mutate), *more, RestartExecutionOnUpdate=True)

    deployment = stage("Deploy", tools.deployment("Deploy", "CREATE_UPDATE"))
    tools.push({"pipeline.json": json.dumps(body())})
    assert stack.create(body()) == "CREATE_COMPLETE", stack.why()
    (first,) = [str(each["pipelineExecutionId"]) for each in tools.executions()]
    assert tools.ended(first) == "Succeeded", tools.errors(first)
    tools.push(
        {"pipeline.json": json.dumps(body(deployment)), "template.json": parameter_template(tools.name, "new stage")}
    )
    second = tools.start()
    assert tools.ended(second) == "Cancelled"
    assert tools.actions(second)["SelfMutate"]["status"] == "Succeeded"
    third = until(tools.executions, lambda found: len(found) == 3)[0]["pipelineExecutionId"]
    assert tools.ended(third) == "Succeeded", tools.errors(third)
    assert tools.parameter() == "new stage"
