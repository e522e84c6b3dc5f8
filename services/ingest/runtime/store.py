"""The buckets, table and bus of ingest. The one module here that knows AWS."""

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.library.runtime.aws_client import client
from services.library.runtime.effects import ATTEMPTS, ContentionError, Effects
from services.library.runtime.failures import AwsFailure
from services.library.runtime.fhir import FhirStore, Signer
from services.library.runtime.quarantine import BucketQuarantine
from services.library.runtime.tracing import of_this_function

from .change import LostClaim
from .ingestion import PatientChanged
from .write_order import WriteOrder

SOURCE = "penstock.ingest"
DETAIL_TYPE = "PatientChanged"
KEPT = "kept/"
"""Prefix of the payloads that ingest itself puts into the claims bucket."""


def effects(table_name: str) -> Effects:
    """Return the table of changes."""
    return Effects(table_name, client=client("dynamodb"))


def quarantine(bucket_name: str) -> BucketQuarantine:
    """Return the quarantine of the stream consumer."""
    return BucketQuarantine(bucket_name, client=client("s3"))


class ClaimStore:
    """Payloads too large for the stream, in the claims bucket."""

    def __init__(self, bucket_name: str, *, client: Any) -> None:
        self.bucket_name = bucket_name
        self.client = client

    def fetch(self, claim: str) -> bytes:
        """Return the payload. It was stored before its claim was sent, so a missing one never appears."""
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


class ReservationTable:
    """Reservations to write resources, in the table of changes."""

    def __init__(self, table_name: str, *, client: Any) -> None:
        self.table_name = table_name
        self.client = client

    def reserve(
        self, resource: str, *, patient: str, came_at: str, wanted: str, found: str | None
    ) -> "StoredReservation | None":
        """Reserve a write; None if something newer wrote. Raises AnotherPatient if it is another patient's resource."""
        step = functools.partial(WriteOrder.reserve, came_at=came_at, patient=patient, wanted=wanted, found=found)
        stored = self.change(resource, step)
        return None if stored is None else StoredReservation(self, resource, came_at, stored)

    def change(
        self, resource: str, step: Callable[[WriteOrder], WriteOrder | None], known: "_Stored | None" = None
    ) -> "_Stored | None":
        """Store what a step makes of the current order; `known` saves a read. None if the step returns None."""
        for _ in range(ATTEMPTS):
            before = known or self._read(resource)
            after = step(before.order)
            if after is None:
                return None
            if (stored := self._write(resource, before, after)) is not None:
                return stored
            known = None
        raise ContentionError

    def _read(self, resource: str) -> "_Stored":
        item = self.client.get_item(TableName=self.table_name, Key=_key(resource), ConsistentRead=True).get("Item", {})
        written = item["came_at"]["S"] if "came_at" in item else ""
        waiting = {at: digest["S"] for at, digest in item["waiting"]["M"].items()} if "waiting" in item else {}
        if written and "edition" not in item:
            waiting = {written: ""}  # items without one say who was about to write, and not what became of it
        patient = item["subject"]["S"] if "subject" in item else None
        order = WriteOrder(patient=patient, written=written, waiting=waiting)
        return _Stored(order=order, edition=int(item["edition"]["N"]) if "edition" in item else 0)

    def _write(self, resource: str, before: "_Stored", order: WriteOrder) -> "_Stored | None":
        """Write the order unless the item has changed since it was read; None if it has."""
        item = {**_key(resource), "edition": {"N": str(before.edition + 1)}}
        item |= {"subject": {"S": order.patient}} if order.patient else {}
        item |= {"came_at": {"S": order.written}} if order.written else {}
        item |= {"waiting": {"M": {at: {"S": it} for at, it in order.waiting.items()}}} if order.waiting else {}
        counted = (
            {
                "ConditionExpression": "edition = :edition",
                "ExpressionAttributeValues": {":edition": {"N": str(before.edition)}},
            }
            if before.edition
            else {"ConditionExpression": "attribute_not_exists(edition)"}
        )
        try:
            self.client.put_item(TableName=self.table_name, Item=item, **counted)
        except self.client.exceptions.ConditionalCheckFailedException:
            return None
        return _Stored(order=order, edition=before.edition + 1)


@dataclass(frozen=True)
class _Stored:
    """A write order as the table has it."""

    order: WriteOrder
    edition: int


@dataclass(frozen=True)
class StoredReservation:
    """A reservation to write one resource, in the table."""

    reservations: ReservationTable
    resource: str
    came_at: str
    stored: _Stored

    def complete(self) -> None:
        """Note that the resource is in the datastore."""
        self.reservations.change(self.resource, lambda order: order.complete(self.came_at), self.stored)

    def cancel(self) -> None:
        """Note that the resource was refused for good."""
        self.reservations.change(self.resource, lambda order: order.cancel(self.came_at), self.stored)


def _key(resource: str) -> dict[str, Any]:
    return {"id": {"S": f"resource#{resource}"}}


def datastore(endpoint: str, region: str) -> FhirStore:
    """Return a client of the datastore of records, which signs with the function's role."""
    return FhirStore.at(endpoint, signer=Signer.of_this_function(region), types=(), tracing=of_this_function())


class UnpublishedError(Exception):
    """EventBridge did not take the event; gives its code."""

    def __init__(self, failure: AwsFailure) -> None:
        super().__init__(failure.code)
        self.aws_failure = failure


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
            code = str(answer["Entries"][0].get("ErrorCode"))
            request_id = str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
            raise UnpublishedError(
                AwsFailure(code=code, operation="PutEvents", request_id=request_id, resource=self.name)
            )
