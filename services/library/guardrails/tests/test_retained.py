from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation, Finding
from services.library.guardrails.rules.retained import RULE, SNAPSHOT, STATEFUL, check

PRODUCTION = DeploymentLocation(keeps_data=True)
SANDBOX = DeploymentLocation(keeps_data=False)


def found(resource: dict[str, Any], place: DeploymentLocation = PRODUCTION) -> list[Finding]:
    return list(check(Template({"Resources": {"Store1A": resource}}, "prod/records", "records.template.json"), place))


@pytest.mark.parametrize("kind", sorted(STATEFUL))
def test_store_without_a_deletion_policy_is_found_in_production_alone(kind: str) -> None:
    finding = found({"Type": kind})[0]
    assert (finding.rule, finding.logical_id, finding.template) == (RULE.id, "Store1A", "records.template.json")
    assert finding.locations == ("DeletionPolicy", "UpdateReplacePolicy")
    assert found({"Type": kind}, SANDBOX) == []


@pytest.mark.parametrize(
    ("deletion", "replacement", "wrong"),
    [
        ("Retain", "Retain", ()),
        ("RetainExceptOnCreate", "Retain", ()),
        ("Retain", "Delete", ("UpdateReplacePolicy",)),
        ("Retain", None, ("UpdateReplacePolicy",)),
        ("Delete", "Retain", ("DeletionPolicy",)),
        ("Retain", "RetainExceptOnCreate", ("UpdateReplacePolicy",)),
        ("Snapshot", "Snapshot", ("DeletionPolicy", "UpdateReplacePolicy")),
        ({"Fn::If": ["P", "Retain", "Delete"]}, "Retain", ("DeletionPolicy",)),
    ],
)
def test_table_that_deletion_or_replacement_removes_is_found(
    deletion: Any, replacement: Any, wrong: tuple[str, ...]
) -> None:
    table = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": deletion, "UpdateReplacePolicy": replacement}
    assert tuple(location for finding in found(table) for location in finding.locations) == wrong


@pytest.mark.parametrize("kind", sorted(SNAPSHOT))
def test_snapshot_policy_passes_where_cloudformation_makes_one(kind: str) -> None:
    assert found({"Type": kind, "DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"}) == []


def test_instance_of_a_cluster_passes() -> None:
    instance = {"Type": "AWS::RDS::DBInstance", "Properties": {"DBClusterIdentifier": {"Ref": "Cluster"}}}
    assert found(instance) == []


def test_queue_without_a_deletion_policy_passes() -> None:
    assert found({"Type": "AWS::SQS::Queue"}) == []


def test_retained_bucket_that_a_custom_resource_empties_is_found() -> None:
    assert [finding.rule for finding in found({"Type": "Custom::S3AutoDeleteObjects"})] == [RULE.id]
