from typing import Any

import botocore.session
import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules.sizes import ALARM_RULE, LONGEST_ALARM_RULE, POLICY, check

ANYWHERE = DeploymentLocation(keeps_data=False)
STACK = "Pipeline/production/a-service"
ARN = {"Fn::GetAtt": ["Table", "Arn"]}


def found(resources: dict[str, Any]) -> list[tuple[str, str]]:
    body = {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table"}, **resources}}
    return [(each.rule, each.path.removeprefix(f"{STACK}/")) for each in check(Template(body, STACK), ANYWHERE)]


def document(grants: int, resource: object = "arn:aws:s3:::" + "x" * 87) -> dict[str, Any]:
    """A policy of so many statements, of 150 characters each with the name of a bucket."""
    statement = {"Action": "s3:GetObject", "Effect": "Allow", "Resource": resource}
    return {"Statement": [statement] * grants, "Version": "2012-10-17"}


def policy(grants: int, kind: str = "Policy", resource: object = "arn:aws:s3:::" + "x" * 87) -> dict[str, Any]:
    properties = {"PolicyDocument": document(grants, resource), "Roles": [{"Ref": "Role"}]}
    return {"Type": f"AWS::IAM::{kind}", "Properties": properties}


def role(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document(1), **properties}}


@pytest.mark.parametrize(
    ("resources", "exceeded"),
    [
        pytest.param({"Role": role(), "One": policy(60)}, [], id="fits"),
        pytest.param({"Role": role(), "One": policy(80)}, [("inline policies", "Role")], id="one inline policy"),
        pytest.param(
            {"Role": role(Policies=[{"PolicyDocument": document(20)}]), "A": policy(30), "B": policy(30)},
            [("inline policies", "Role")],
            id="all inline policies of a role together",
        ),
        pytest.param({"Role": role(), "One": policy(35, "ManagedPolicy")}, [], id="a managed policy that fits"),
        pytest.param(
            {"Role": role(), "One": policy(45, "ManagedPolicy")}, [("PolicyDocument", "One")], id="a managed policy"
        ),
        pytest.param(
            {"Role": role(), "One": policy(40, "ManagedPolicy", ARN)},
            [("PolicyDocument", "One")],
            id="ARNs that are as long as the names of stack and resource make them",
        ),
        pytest.param(
            {"Role": role(AssumeRolePolicyDocument=document(15))}, [("trust policy", "Role")], id="a trust policy"
        ),
        pytest.param(
            {
                "Role": role(ManagedPolicyArns=["arn"] * 6),
                **{f"P{number}": policy(1, "ManagedPolicy") for number in range(5)},
            },
            [("managed policies", "Role")],
            id="too many managed policies",
        ),
        pytest.param(
            {"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document(230)}}},
            [("KeyPolicy", "Key")],
            id="a key's policy",
        ),
        pytest.param(
            {"Store": {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": document(150)}}},
            [("PolicyDocument", "Store")],
            id="a bucket's policy",
        ),
    ],
)
def test_policy_that_aws_takes_no_longer_is_found(resources: dict[str, Any], exceeded: list[tuple[str, str]]) -> None:
    assert found(resources) == [(f"{POLICY.id}[{what}]", path) for what, path in exceeded]


def composite(count: int, logical_id: str) -> dict[str, Any]:
    """A composite alarm over so many others, as the CDK writes its rule."""
    names = [f"{logical_id}{number:03}" for number in range(count)]
    parts: list[object] = ["("]
    for name in names:
        parts += ['ALARM("' if name == names[0] else '") OR ALARM("', {"Fn::GetAtt": [name, "Arn"]}]
    rule = {"Fn::Join": ["", [*parts, '"))']]}
    alarms = {name: {"Type": "AWS::CloudWatch::Alarm"} for name in names}
    return {**alarms, "All": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": rule}}}


@pytest.mark.parametrize(
    ("count", "logical_id", "exceeded"),
    [(60, "Rate", []), (101, "R", ["alarms", "characters"]), (60, "Rate" * 20, ["characters"])],
)
def test_rule_of_a_composite_alarm_that_cloudwatch_takes_no_longer_is_found(
    count: int, logical_id: str, exceeded: list[str]
) -> None:
    assert found(composite(count, logical_id)) == [(f"{ALARM_RULE.id}[{what}]", "All") for what in exceeded]


def test_cloudwatchs_own_figure() -> None:
    model = botocore.session.get_session().get_service_model("cloudwatch")
    assert model.shape_for("AlarmRule").metadata["max"] == LONGEST_ALARM_RULE
