"""The buckets, table and bus of ingest. The one module here that knows AWS."""

import hashlib
import json
from typing import Any

import boto3
from botocore.config import Config

from services.library.runtime.effects import Effects
from services.library.runtime.fhir import FhirStore, Signer
from services.library.runtime.quarantine import BucketQuarantine
from services.library.runtime.tracing import of_this_function

from .change import AnotherPatient, LostClaim
from .ingestion import PatientChanged

PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
"""A call that takes longer fails, and its record is tried again: a batch must be answered before its time is over."""
SOURCE = "penstock.ingest"
DETAIL_TYPE = "PatientChanged"
KEPT = "kept/"
"""Prefix of the payloads that ingest itself puts into the claims bucket."""


def client(service: str) -> Any:
    """A client that gives up in time."""
    return boto3.client(service, config=PATIENCE)  # type: ignore[call-overload]  # typed by service in the stubs


def effects(table_name: str) -> Effects:
    """The table of changes."""
    return Effects(table_name, client=client("dynamodb"))


def quarantine(bucket_name: str) -> BucketQuarantine:
    """The quarantine of the stream consumer."""
    return BucketQuarantine(bucket_name, client=client("s3"))


class ClaimStore:
    """Payloads too large for the stream, in the claims bucket."""

    def __init__(self, bucket_name: str, *, client: Any) -> None:
        self.bucket_name = bucket_name
        self.client = client

    def fetch(self, claim: str) -> bytes:
        """The payload. Whoever sends a claim stores the payload first, so one that is not there never comes."""
        try:
            content: bytes = self.client.get_object(Bucket=self.bucket_name, Key=claim)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            raise LostClaim from None
        return content

    def keep(self, change_id: str, payload: bytes) -> str:
        """Store a payload under a name that follows from its change."""
        claim = f"{KEPT}{hashlib.sha256(change_id.encode()).hexdigest()}"
        self.client.put_object(Bucket=self.bucket_name, Key=claim, Body=payload, ContentType="application/json")
        return claim


class Turns:
    """Which record wrote each resource last, in the table of changes: an older one that comes late writes no more."""

    def __init__(self, table_name: str, *, client: Any) -> None:
        self.table_name = table_name
        self.client = client

    def take(self, resource: str, *, patient: str, came_at: str) -> bool:
        """Whether nothing newer wrote it. Raises AnotherPatient if it is somebody else's: order counts for each."""
        key = {"id": {"S": f"resource#{resource}"}}
        try:
            self.client.update_item(
                TableName=self.table_name,
                Key=key,
                UpdateExpression="SET came_at = :at, subject = :patient",
                ConditionExpression="attribute_not_exists(id) OR (subject = :patient AND came_at <= :at)",
                ExpressionAttributeValues={":at": {"S": came_at}, ":patient": {"S": patient}},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            found = self.client.get_item(TableName=self.table_name, Key=key, ConsistentRead=True)["Item"]
        else:
            return True
        if found["subject"]["S"] != patient:
            raise AnotherPatient
        return False


def datastore(endpoint: str, region: str) -> FhirStore:
    """The datastore of records, signed for with the function's own role."""
    return FhirStore.at(endpoint, signer=Signer.of_this_function(region), types=(), tracing=of_this_function())


class UnpublishedError(Exception):
    """EventBridge did not take the event; gives its code."""


class EventBus:
    """The bus on which patients' changes are published."""

    def __init__(self, name: str, *, client: Any) -> None:
        self.name = name
        self.client = client

    def publish(self, event: PatientChanged) -> None:
        """Publish one event. PutEvents answers 200 for entries that it did not take."""
        detail: dict[str, Any] = {
            "id": event.id,
            "patient": event.patient,
            "resource_type": event.resource_type,
            "version": event.version,
        }
        entry = {"EventBusName": self.name, "Source": SOURCE, "DetailType": DETAIL_TYPE}
        if event.trace is not None:
            detail["trace"] = event.trace.traceparent
            entry["TraceHeader"] = event.trace.xray
        answer = self.client.put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])
        if answer["FailedEntryCount"]:
            raise UnpublishedError(answer["Entries"][0].get("ErrorCode"))
