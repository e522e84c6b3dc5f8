from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.local.cloud.cloudformation.handler_calls import Operation
from pipeline.local.cloud.cloudformation.made_calls import made_calls

BUCKET, FUNCTION, ROLE, STREAM = "AWS::S3::Bucket", "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Kinesis::Stream"
SHORTER, LONGER = "kinesis:DecreaseStreamRetentionPeriod", "kinesis:IncreaseStreamRetentionPeriod"
DETACH = "iam:DetachRolePolicy"
CODE = {"Code": {"S3Bucket": "assets", "S3Key": "a.zip"}, "Role": "arn:aws:iam::111111111111:role/r"}


def test_a_plain_resource_needs_what_its_operation_is() -> None:
    made = {operation: [*made_calls("AWS::SNS::Topic", operation, {}, {})] for operation in ("create", "delete")}
    assert made == {
        "create": ["sns:CreateTopic", "sns:GetTopicAttributes"],
        "delete": ["sns:DeleteTopic", "sns:GetTopicAttributes"],
    }


@pytest.mark.parametrize(
    ("type_name", "operation", "old", "new", "action", "is_made"),
    [
        ("AWS::SNS::Topic", "update", {"Tags": []}, {"DisplayName": "d"}, "sns:UntagResource", False),
        ("AWS::SNS::Topic", "create", {}, {"Tags": [{"Key": "a", "Value": "b"}]}, "sns:TagResource", True),
        (BUCKET, "create", {}, {"CorsConfiguration": {}}, "s3:PutBucketCORS", True),
        (BUCKET, "create", {}, {}, "s3:PutBucketCORS", False),
        (BUCKET, "update", {"CorsConfiguration": {}}, {"BucketName": "b"}, "s3:DeleteBucketCors", True),
        (
            "AWS::S3::Bucket",
            "update",
            {"CorsConfiguration": {}},
            {"CorsConfiguration": 1},
            "s3:DeleteBucketCors",
            False,
        ),
        (FUNCTION, "create", {}, CODE, "s3:GetObject", True),
        (FUNCTION, "create", {}, CODE, "kms:CreateGrant", False),
        (FUNCTION, "create", {}, CODE | {"KmsKeyArn": "k"}, "kms:CreateGrant", True),
        (FUNCTION, "create", {}, CODE | {"VpcConfig": {"SubnetIds": ["s"]}}, "ec2:DescribeSubnets", True),
        (FUNCTION, "update", CODE, CODE | {"Timeout": 2}, "lambda:UpdateFunctionCode", False),
        (STREAM, "update", {"RetentionPeriodHours": 24}, {"RetentionPeriodHours": 48}, SHORTER, False),
        (STREAM, "update", {"RetentionPeriodHours": 24}, {"RetentionPeriodHours": 48}, LONGER, True),
        (STREAM, "update", {"RetentionPeriodHours": 48}, {}, SHORTER, True),
        (
            ROLE,
            "update",
            {"ManagedPolicyArns": ["a"]},
            {"ManagedPolicyArns": ["a", "b"]},
            "iam:DetachRolePolicy",
            False,
        ),
        (ROLE, "update", {"ManagedPolicyArns": ["a"]}, {"ManagedPolicyArns": ["b"]}, DETACH, True),
        ("AWS::IAM::ServiceLinkedRole", "create", {}, {}, "iam:CreateServiceLinkedRole", True),
        ("AWS::Backup::BackupSelection", "create", {}, {"IamRoleArn": "r"}, "iam:CreateServiceLinkedRole", False),
        ("Custom::Anything", "delete", {"ServiceToken": "t"}, {}, "lambda:InvokeFunction", True),
    ],
)
def test_a_property_causes_its_calls(
    type_name: str,
    operation: Operation,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    action: str,
    *,
    is_made: bool,
) -> None:
    assert (action in made_calls(type_name, operation, old, new)) is is_made
