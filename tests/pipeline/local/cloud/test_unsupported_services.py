"""A service that nobody emulates answers with an error that its client prints, in each protocol."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud

pytestmark = pytest.mark.cloud

CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JSON": ("workspaces", "describe_workspaces", {}),
    "REST with JSON": ("quicksight", "list_users", {"AwsAccountId": "111111111111", "Namespace": "default"}),
    "REST with JSON, at a path of others": ("mediatailor", "list_tags_for_resource", {"ResourceArn": "arn:aws:x"}),
    "query": ("redshift", "describe_clusters", {}),
    "CBOR": ("arc-region-switch", "list_plans", {}),
}


@pytest.mark.parametrize("protocol", CALLS)
def test_a_service_that_nobody_emulates_is_named(cloud: LocalCloud, protocol: str) -> None:
    service, operation, parameters = CALLS[protocol]
    with pytest.raises(ClientError, match="The local cloud does not emulate") as refused:
        getattr(cloud.client(service), operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == "UnsupportedService"
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_services_that_are_emulated_are_found_as_before(cloud: LocalCloud) -> None:
    assert cloud.client("s3").list_buckets()["Buckets"] is not None
    assert cloud.client("events").list_rules()["Rules"] is not None
    assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"] is not None
    assert cloud.client("healthlake").list_fhir_datastores()["DatastorePropertiesList"] is not None
