"""Where the traffic of a function or a workflow is shifted, its callers name the alias."""

from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules.shifted_calls import check

ARN = {"Fn::GetAtt": ["Code", "Arn"]}
LIVE = {"Ref": "Live"}
SHIFTED = {"UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {"ApplicationName": "a", "DeploymentGroupName": "g"}}}


def found(type_: str, properties: dict[str, Any], *, alias: dict[str, Any] | None = None) -> list[str]:
    """The resources that are found, in a template with a function, its alias and one that may call it."""
    of_alias = {"FunctionName": {"Ref": "Code"}, "Name": "live", "FunctionVersion": "1"}
    resources = {
        "Code": {"Type": "AWS::Lambda::Function", "Properties": {}},
        "Newest": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Code"}}},
        "Live": {"Type": "AWS::Lambda::Alias", "Properties": of_alias, **(SHIFTED if alias is None else alias)},
        "Caller": {"Type": type_, "Properties": properties},
    }
    place = DeploymentLocation(keeps_data=True)
    return [each.logical_id for each in check(Template({"Resources": resources}), place)]


@pytest.mark.parametrize(
    "name",
    [
        {"Fn::If": ["Condition", {"Ref": "Code"}, "another"]},
        {"Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${Code}"},
    ],
)
def test_function_is_shifted_by_whatever_way_its_alias_names_it(name: Any) -> None:
    alias = {**SHIFTED, "Properties": {"FunctionName": name, "Name": "live", "FunctionVersion": "1"}}
    assert found("AWS::Lambda::Permission", {"FunctionName": ARN}, alias=alias) == ["Caller"]


def invoked(resource: Any, action: Any = "lambda:InvokeFunction") -> dict[str, Any]:
    return {"PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}}


URI = ["arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/", ARN, "/invocations"]


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("AWS::Lambda::Permission", {"FunctionName": ARN}),
        ("AWS::Lambda::EventSourceMapping", {"FunctionName": {"Ref": "Code"}}),
        ("AWS::ApiGateway::Method", {"Integration": {"Uri": {"Fn::Join": ["", URI]}}}),
        ("AWS::StepFunctions::StateMachine", {"DefinitionString": {"Fn::Sub": '{"Resource": "${Code.Arn}"}'}}),
        ("AWS::Events::Rule", {"Targets": [{"Arn": ARN, "Id": "Target0"}]}),
        ("AWS::Lambda::Function", {"Environment": {"Variables": {"OTHER": {"Ref": "Code"}}}}),
        ("AWS::Any::NewType", {"Target": "x", "Function": ARN}),
        ("AWS::Events::Rule", {"Targets": [{"Arn": {"Fn::Join": ["", [ARN, ":$LATEST"]]}, "Id": "Target0"}]}),
        ("AWS::Events::Rule", {"Targets": [{"Arn": {"Fn::Sub": "${Code.Arn}:$LATEST"}, "Id": "Target0"}]}),
        ("AWS::Events::Rule", {"Targets": [{"Arn": {"Fn::Sub": ["${code}", {"code": ARN}]}, "Id": "Target0"}]}),
        ("AWS::Lambda::EventSourceMapping", {"FunctionName": {"Ref": "Newest"}}),
        ("AWS::Lambda::Url", {"TargetFunctionArn": ARN, "Qualifier": "$LATEST"}),
        ("AWS::Lambda::Url", {"TargetFunctionArn": ARN, "Qualifier": {"Fn::GetAtt": ["Newest", "Version"]}}),
        ("AWS::IAM::ManagedPolicy", invoked({"Ref": "Newest"})),
        ("AWS::IAM::ManagedPolicy", invoked(ARN)),
        ("AWS::IAM::Policy", invoked([{"Fn::Join": ["", [ARN, ":*"]]}], ["s3:GetObject", "lambda:Invoke*"])),
    ],
)
def test_a_call_of_the_function_itself_is_found(type_: str, properties: dict[str, Any]) -> None:
    assert found(type_, properties) == ["Caller"]


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("AWS::Lambda::Permission", {"FunctionName": LIVE}),
        ("AWS::Lambda::EventSourceMapping", {"FunctionName": {"Fn::Join": ["", [{"Ref": "Code"}, ":live"]]}}),
        ("AWS::StepFunctions::StateMachine", {"DefinitionString": {"Fn::Sub": '{"Resource": "${Code.Arn}:live"}'}}),
        ("AWS::StepFunctions::StateMachine", {"DefinitionString": {"Fn::Sub": ["${code}:live", {"code": ARN}]}}),
        ("AWS::Lambda::Url", {"TargetFunctionArn": ARN, "Qualifier": "live"}),
        ("AWS::Lambda::EventInvokeConfig", {"FunctionName": {"Ref": "Code"}, "Qualifier": "$LATEST"}),
        ("AWS::CloudWatch::Alarm", {"Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Code"}}]}),
        ("AWS::IAM::ManagedPolicy", invoked(LIVE)),
        ("AWS::IAM::ManagedPolicy", invoked([ARN], "lambda:UpdateAlias")),
    ],
)
def test_a_call_of_the_alias_passes(type_: str, properties: dict[str, Any]) -> None:
    assert found(type_, properties) == []


def test_a_function_that_is_not_shifted_may_be_called_by_its_name() -> None:
    assert found("AWS::Lambda::Permission", {"FunctionName": ARN}, alias={}) == []


def found_of_workflow(type_: str, properties: dict[str, Any], *, preference: dict[str, Any] | None = None) -> list[str]:
    """The resources that are found, in a template with a workflow, its alias and one that may start it."""
    version = {"StateMachineVersionArn": {"Ref": "Version"}}
    of_alias = {"DeploymentPreference": {**version, "Type": "ALL_AT_ONCE"}} if preference is None else preference
    resources = {
        "Flow": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {}},
        "Version": {"Type": "AWS::StepFunctions::StateMachineVersion", "Properties": {"StateMachineArn": FLOW}},
        "Live": {"Type": "AWS::StepFunctions::StateMachineAlias", "Properties": {"Name": "live", **of_alias}},
        "Caller": {"Type": type_, "Properties": properties},
    }
    place = DeploymentLocation(keeps_data=True)
    return [each.logical_id for each in check(Template({"Resources": resources}), place)]


def started(resource: Any, action: Any = "states:StartExecution", condition: Any = None) -> dict[str, Any]:
    """A policy that lets somebody start something."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {"PolicyDocument": {"Statement": [{**statement, **({"Condition": condition} if condition else {})}]}}


FLOW = {"Ref": "Flow"}
BODY = ['{"stateMachineArn": "', FLOW, '", "input": "{}"}']
OF_LIVE = {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": ["live"]}}


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("AWS::ApiGateway::Method", {"Integration": {"RequestTemplates": {"*/*": {"Fn::Join": ["", BODY]}}}}),
        ("AWS::Events::Rule", {"Targets": [{"Arn": FLOW, "Id": "Target0"}]}),
        ("AWS::StepFunctions::StateMachine", {"DefinitionString": {"Fn::Sub": '{"StateMachineArn": "${Flow}"}'}}),
        ("AWS::Events::Rule", {"Targets": [{"Arn": {"Ref": "Version"}, "Id": "Target0"}]}),
        ("AWS::IAM::ManagedPolicy", started(FLOW)),
        ("AWS::IAM::ManagedPolicy", started(FLOW, "states:Start*")),
        ("AWS::IAM::Policy", started([FLOW], "states:StartSyncExecution")),
        ("AWS::IAM::Policy", started(FLOW, condition={"StringLike": {"states:StateMachineQualifier": "*"}})),
        ("AWS::IAM::Policy", started(FLOW, condition={"Bool": {"aws:SecureTransport": "true"}})),
    ],
)
def test_a_start_of_the_workflow_itself_is_found(type_: str, properties: dict[str, Any]) -> None:
    assert found_of_workflow(type_, properties) == ["Caller"]


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("AWS::Events::Rule", {"Targets": [{"Arn": LIVE, "Id": "Target0"}]}),
        ("AWS::Events::Rule", {"Targets": [{"Arn": {"Fn::Join": ["", [FLOW, ":live"]]}, "Id": "Target0"}]}),
        ("AWS::CloudWatch::Alarm", {"Dimensions": [{"Name": "StateMachineArn", "Value": FLOW}]}),
        ("AWS::IAM::ManagedPolicy", started(FLOW, condition=OF_LIVE)),
        ("AWS::IAM::ManagedPolicy", started(FLOW, "states:DescribeStateMachine")),
    ],
)
def test_a_start_of_the_workflows_alias_passes(type_: str, properties: dict[str, Any]) -> None:
    assert found_of_workflow(type_, properties) == []


def test_a_workflow_whose_alias_is_not_moved_by_a_deployment_may_be_started_by_its_name() -> None:
    routing = {"RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": "Version"}, "Weight": 100}]}
    assert found_of_workflow("AWS::Events::Rule", {"Targets": [{"Arn": FLOW, "Id": "a"}]}, preference=routing) == []
