from typing import Any

import pytest

from services.library.cloudformation.lengths import OF_A_ROLE, OF_AN_ARN, SUFFIX, UNKNOWN, longest
from services.library.cloudformation.template import Template

STACK = "Pipeline/prod/orders"
TEMPLATE = Template(
    {
        "Parameters": {"Stage": {"Type": "String", "Default": "prod"}, "Vpc": {"Type": "String"}},
        "Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table"},
            "Named": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "orders"}},
            "Role" * 30: {"Type": "AWS::IAM::Role"},
        },
    },
    STACK,
)
TABLE = len(STACK) + len("-Table") + SUFFIX


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("four", 4),
        (12, 2),
        (True, 4),
        ({"Ref": "AWS::AccountId"}, 12),
        ({"Ref": "Stage"}, 4),
        ({"Ref": "Vpc"}, UNKNOWN),
        ({"Ref": "Table"}, TABLE),
        ({"Fn::GetAtt": ["Table", "Arn"]}, TABLE + OF_AN_ARN),
        ({"Fn::GetAtt": ["Named", "QueueName"]}, 6),
        ({"Ref": "Role" * 30}, 64),
        ({"Fn::GetAtt": ["Role" * 30, "Arn"]}, 64 + OF_A_ROLE),
        ({"Fn::Join": ["--", ["ab", {"Ref": "Stage"}, "c"]]}, 2 + 2 + 4 + 2 + 1),
        ({"Fn::Sub": "a ${Stage} b ${Table.Arn}"}, 2 + 4 + 3 + TABLE + OF_AN_ARN),
        ({"Fn::Sub": ["${Own}!", {"Own": "three"}]}, 6),
        ({"Fn::If": ["IsProd", "long", "l"]}, 4),
        ({"Fn::ImportValue": "other"}, UNKNOWN),
    ],
)
def test_text_is_as_long_as_it_may_be_once_cloudformation_has_put_it_together(value: Any, length: int) -> None:
    assert longest(value, TEMPLATE) == length


def test_document_is_as_long_as_its_json_without_spaces() -> None:
    assert len('{"Action":["a","bc"],"Resource":"four"}') <= longest(
        {"Action": ["a", "bc"], "Resource": {"Fn::Sub": "${Stage}"}}, TEMPLATE
    )
    assert longest({"Action": ["a", "bc"]}, TEMPLATE) <= len('{"Action":["a","bc"]}') + 3
