"""Where a function's traffic is shifted, its callers name the alias."""

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
        "Live": {"Type": "AWS::Lambda::Alias", "Properties": of_alias, **(SHIFTED if alias is None else alias)},
        "Caller": {"Type": type_, "Properties": properties},
    }
    place = DeploymentLocation(keeps_data=True)
    return [each.logical_id for each in check(Template({"Resources": resources}), place)]


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
        ("AWS::Lambda::EventInvokeConfig", {"FunctionName": {"Ref": "Code"}, "Qualifier": "live"}),
        ("AWS::CloudWatch::Alarm", {"Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Code"}}]}),
        ("AWS::IAM::ManagedPolicy", invoked(LIVE)),
        ("AWS::IAM::ManagedPolicy", invoked([ARN], "lambda:UpdateAlias")),
    ],
)
def test_a_call_of_the_alias_passes(type_: str, properties: dict[str, Any]) -> None:
    assert found(type_, properties) == []


def test_a_function_that_is_not_shifted_may_be_called_by_its_name() -> None:
    assert found("AWS::Lambda::Permission", {"FunctionName": ARN}, alias={}) == []
