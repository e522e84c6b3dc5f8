"""A table can be restored, is guarded in production, and can be used by those to whom it is granted."""

import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs.role import Role
from services.library.constructs.table import Table
from services.library.constructs.tests.conftest import StackScope


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    table = Table(
        production.stack,
        "Seen",
        environment=production.environment,
        partition_key="id",
        sort_key="at",
        expires_by="expires",
        encryption_key=production.key,
    )
    table.grant(Role(production.stack, "Writer", service="lambda.amazonaws.com"), "dynamodb:PutItem")
    return production.template()


def test_table_has_keys_expiry_encryption_and_deletion_guards(template: Template) -> None:
    template.has_resource(
        "AWS::DynamoDB::Table",
        {
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "KeySchema": [
                    {"AttributeName": "id", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "DeletionProtectionEnabled": True,
                "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": Match.any_value()},
            },
        },
    )


def test_whoever_may_write_may_use_the_key_through_dynamodb_alone(template: Template) -> None:
    template.has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    Match.object_like({"Action": "dynamodb:PutItem"}),
                    Match.object_like(
                        {
                            "Action": Match.array_with(["kms:Decrypt"]),
                            "Condition": {"StringEquals": {"kms:ViaService": "dynamodb.eu-west-1.amazonaws.com"}},
                            "Resource": {"Fn::GetAtt": [Match.string_like_regexp("^Key"), "Arn"]},
                        }
                    ),
                ],
            }
        },
    )


@pytest.mark.parametrize(("sort_key", "expires_by"), [("id", None), (None, "id"), ("at", "at")])
def test_an_attribute_with_two_meanings_is_refused(
    sort_key: str | None, expires_by: str | None, scratch: StackScope
) -> None:
    with pytest.raises(ValueError, match=f"sort_key={sort_key!r}, expires_by={expires_by!r} is not allowed"):
        Table(
            scratch.stack,
            f"Wrong-{sort_key}-{expires_by}",
            environment=scratch.environment,
            partition_key="id",
            sort_key=sort_key,
            expires_by=expires_by,
            encryption_key=scratch.key,
        )
