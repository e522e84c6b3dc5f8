"""A bucket is private, can undo mistakes, and is there after its stack is gone."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs.bucket import Bucket, BucketSettings, Replica
from services.library.constructs.role import Role
from services.library.constructs.tests.conftest import StackScope


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    bucket = Bucket(
        production.stack,
        "Documents",
        environment=production.environment,
        encryption_key=production.key,
        settings=BucketSettings(
            expiration=cdk.Duration.days(400),
            replicate_to=Replica(
                bucket_arn="arn:aws:s3:::copies", key_arn=f"arn:aws:kms:eu-central-1:{'1' * 12}:key/k"
            ),
        ),
    )
    bucket.grant_write(Role(production.stack, "Writer", service="lambda.amazonaws.com"), below="in/")
    return production.template()


def test_bucket_is_private_encrypted_versioned_and_logged(template: Template) -> None:
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "BucketKeyEnabled": True,
                        "ServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": {"Fn::GetAtt": [Match.string_like_regexp("^Key"), "Arn"]},
                        },
                    }
                ]
            },
            "LoggingConfiguration": {"DestinationBucketName": {"Ref": Match.string_like_regexp("AccessLogs")}},
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        "ExpirationInDays": 400,
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                        "Status": "Enabled",
                    }
                ]
            },
        },
    )
    template.all_resources_properties(
        "AWS::S3::Bucket",
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        },
    )


def test_production_retains_the_bucket_and_its_access_logs(template: Template) -> None:
    template.resource_count_is("AWS::S3::Bucket", 2)
    template.all_resources("AWS::S3::Bucket", {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})


def test_a_writer_writes_below_its_prefix_and_deletes_nothing(template: Template) -> None:
    template.has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Action": "s3:PutObject",
                        "Effect": "Allow",
                        "Resource": {
                            "Fn::Join": ["", [{"Fn::GetAtt": [Match.any_value(), "Arn"]}, "/in/*"]],
                        },
                    },
                    Match.object_like(
                        {"Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}}
                    ),
                ],
            }
        },
    )


def test_each_object_is_copied_to_another_region_and_no_deletion_is(template: Template) -> None:
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "ReplicationConfiguration": {
                "Role": {"Fn::GetAtt": [Match.string_like_regexp("Replication"), "Arn"]},
                "Rules": [
                    Match.object_like(
                        {
                            "Status": "Enabled",
                            "Filter": {"Prefix": ""},
                            "DeleteMarkerReplication": {"Status": "Disabled"},
                            "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
                            "Destination": Match.object_like({"Bucket": "arn:aws:s3:::copies"}),
                        }
                    )
                ],
            }
        },
    )
    policies = [json.dumps(each) for each in template.find_resources("AWS::IAM::ManagedPolicy").values()]
    (granted,) = (each for each in policies if "s3:ReplicateObject" in each)
    assert "kms:Encrypt" in granted
    assert "s3.eu-central-1.amazonaws.com" in granted
    assert "ReplicateDelete" not in granted


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"replaced_versions": cdk.Duration.days(6)}, r"replaced_versions=6 days is not allowed; give at least 7 days"),
        ({"access_logs": cdk.Duration.days(1)}, r"access_logs=1 days is not allowed; give at least 7 days"),
        ({"expiration": cdk.Duration.days(0)}, r"expiration=0 days is not allowed; give a day or more"),
    ],
)
def test_a_setting_under_which_a_mistake_cannot_be_undone_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        BucketSettings(**settings)
