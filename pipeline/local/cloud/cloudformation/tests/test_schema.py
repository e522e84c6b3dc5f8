"""Properties are checked against their type's schema, and nothing right is refused."""

from typing import Any

import pytest

from pipeline.local.cloud.cloudformation.schema import problems, schemas
from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY, EMULATED, supported

ROLE = "arn:aws:iam::111111111111:role/r"


def test_every_type_is_either_emulated_or_accepted_and_has_a_schema() -> None:
    assert not EMULATED & ACCEPTED_ONLY.keys()
    assert schemas().keys() == EMULATED | ACCEPTED_ONLY.keys()


def test_custom_resources_are_supported_and_take_any_property() -> None:
    assert supported("Custom::Anything")
    assert problems("Custom::Anything", {"Any": [1]}) == []
    assert problems("AWS::CloudFormation::CustomResource", {"ServiceToken": "t", "Any": True}) == []


@pytest.mark.parametrize(
    ("type_name", "properties"),
    [
        ("AWS::SQS::Queue", {"DelaySeconds": "5", "FifoQueue": "true", "RedrivePolicy": {"maxReceiveCount": 1}}),
        ("AWS::SNS::Topic", {"FifoTopic": "false", "DataProtectionPolicy": {"any": 1}}),
        ("AWS::IAM::Policy", {"PolicyName": "p", "PolicyDocument": {"Statement": []}, "Roles": ["r"]}),
        ("AWS::SSM::Parameter", {"Type": "String", "Value": 5, "Tags": {"any": "tag"}}),
        ("AWS::Lambda::Function", {"Role": ROLE, "Code": {"ZipFile": "x"}, "Environment": {"Variables": {"AB": 1}}}),
    ],
)
def test_what_cloudformation_takes_is_taken(type_name: str, properties: dict[str, Any]) -> None:
    assert problems(type_name, properties) == []


@pytest.mark.parametrize(
    ("type_name", "properties", "problem"),
    [
        ("AWS::SQS::Queue", {"Delay": 1}, "Properties: unsupported property Delay"),
        ("AWS::SQS::Queue", {"DelaySeconds": True}, "Properties/DelaySeconds: true is not of type integer"),
        ("AWS::SQS::Queue", {"Tags": [{"Key": "k"}]}, "Properties/Tags/0: required property Value is missing"),
        ("AWS::SQS::Queue", {"Tags": {"k": "v"}}, 'Properties/Tags: {"k": "v"} is not of type array'),
        ("AWS::Lambda::Function", {"Role": ROLE, "Code": {}, "Timeout": 0}, "Timeout: the value is 0, not at least 1"),
        ("AWS::SNS::Topic", {"TopicArn": "arn"}, "Properties: unsupported property TopicArn"),
        ("AWS::IAM::Policy", {"PolicyName": "p", "PolicyDocument": {}}, "required property Users is missing"),
        ("AWS::KMS::Key", {"KeySpec": "SECRET"}, "Properties/KeySpec: 'SECRET' is not one of"),
        (
            "AWS::Logs::LogGroup",
            {"LogGroupName": "a b"},
            "LogGroupName: 'a b' does not match the pattern ^[",
        ),
    ],
)
def test_what_is_wrong_is_named(type_name: str, properties: dict[str, Any], problem: str) -> None:
    found = problems(type_name, properties)
    assert len(found) == 1
    assert problem in found[0]


def test_a_value_that_is_not_known_yet_is_not_judged() -> None:
    properties = {"DelaySeconds": {"Ref": "Parameter"}, "Unknown": {"Ref": "Parameter"}}
    assert problems("AWS::SQS::Queue", properties, unknown=lambda value: value == {"Ref": "Parameter"}) == [
        "Properties: unsupported property Unknown"
    ]
