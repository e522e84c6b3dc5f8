"""Names that a second creation of a stack would have again."""

from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules.retained_names import RULE, check

PRODUCTION, SANDBOX = DeploymentLocation(keeps_data=True), DeploymentLocation(keeps_data=False)
UNIQUE = {"Fn::Select": [0, {"Fn::Split": ["-", {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}]}]}


def found(
    kind: str, properties: dict[str, Any], *, policy: Any = "Retain", place: DeploymentLocation = PRODUCTION
) -> list[str]:
    store = {"Type": kind, "DeletionPolicy": policy, "Properties": properties}
    template = {"Resources": {"Store": store, "Key": {"Type": "AWS::KMS::Key"}}}
    return [finding.rule for finding in check(Template(template, "prod/orders", "orders.template.json"), place)]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AWS::Backup::BackupVault", "BackupVaultName"),
        ("AWS::DynamoDB::GlobalTable", "TableName"),
        ("AWS::IAM::Role", "RoleName"),
        ("AWS::Kinesis::Stream", "Name"),
        ("AWS::Logs::LogGroup", "LogGroupName"),
        ("AWS::RDS::DBCluster", "DBClusterIdentifier"),
        ("AWS::S3::Bucket", "BucketName"),
        ("AWS::SQS::Queue", "QueueName"),
        ("Nobody::Knows::This", "Name"),
    ],
)
def test_retained_resource_with_a_name_that_comes_again_is_found(kind: str, name: str) -> None:
    assert found(kind, {name: "orders"}) == [f"{RULE.id}[{name}]"]
    assert found(kind, {name: {"Fn::Sub": "${AWS::StackName}-orders"}}) == [f"{RULE.id}[{name}]"]
    assert found(kind, {name: {"Ref": "NameOfIt"}}) == [f"{RULE.id}[{name}]"], "a parameter says the same again"
    assert found(kind, {name: {"Fn::Join": ["-", ["orders", UNIQUE]]}}) == []
    assert found(kind, {name: {"Fn::Sub": "orders-${AWS::StackId}"}}) == []
    assert found(kind, {name: {"Fn::Join": ["-", ["orders", {"Ref": "Key"}]]}}) == []
    assert found(kind, {}) == []


@pytest.mark.parametrize(
    ("policy", "in_production", "elsewhere"),
    [
        ("Retain", True, True),
        ("RetainExceptOnCreate", True, False),
        ({"Fn::If": ["Keeps", "Retain", "Delete"]}, True, True),
        ("Delete", False, False),
        ("Snapshot", False, False),
    ],
)
def test_resource_that_goes_with_a_failed_creation_may_have_any_name(
    policy: Any, *, in_production: bool, elsewhere: bool
) -> None:
    name = {"BucketName": "orders"}
    assert bool(found("AWS::S3::Bucket", name, policy=policy)) == in_production
    assert bool(found("AWS::S3::Bucket", name, policy=policy, place=SANDBOX)) == elsewhere


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::HealthLake::FHIRDatastore", {"DatastoreName": "orders"}),
        ("AWS::RDS::DBCluster", {"DatabaseName": "orders"}),
        ("AWS::SecretsManager::Secret", {"Description": "orders"}),
    ],
)
def test_property_that_names_nothing_unique_passes(kind: str, properties: dict[str, Any]) -> None:
    assert found(kind, properties) == []
