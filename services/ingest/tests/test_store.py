"""The store against the documented answers of S3 and EventBridge."""

import dataclasses
import io
import json
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from services.ingest.runtime import change, ingestion, store
from services.library.runtime.trace import TraceContext

EVENT = ingestion.PatientChanged(id="s-1", patient="p-1", resource_type="Observation", version=2)


def stubbed(service: str) -> Stubber:
    made: Any = boto3.client(  # type: ignore[call-overload]  # typed by service in the stubs
        service, region_name="eu-west-1", aws_access_key_id="111111111111", aws_secret_access_key="local"
    )
    return Stubber(made)


def test_a_claim_is_read_and_one_that_is_not_there_is_lost() -> None:
    s3 = stubbed("s3")
    wanted = {"Bucket": "claims", "Key": "c"}
    s3.add_response("get_object", {"Body": StreamingBody(io.BytesIO(b"{}"), 2)}, wanted)
    s3.add_client_error("get_object", "NoSuchKey", expected_params=wanted)
    with s3:
        claims = store.ClaimStore("claims", client=s3.client)
        assert claims.fetch("c") == b"{}"
        with pytest.raises(change.LostClaim):
            claims.fetch("c")


def test_a_kept_payload_is_named_after_its_change_alone() -> None:
    s3 = stubbed("s3")
    for _ in range(2):
        s3.add_response("put_object", {})
    with s3:
        claims = store.ClaimStore("claims", client=s3.client)
        first, second = claims.keep("s-1", b"1"), claims.keep("s-1", b"1")
    assert first == second
    assert first.startswith("kept/")
    assert "s-1" not in first


def test_an_event_says_who_changed_and_nothing_else_about_the_patient() -> None:
    events = stubbed("events")
    detail = {"id": "s-1", "patient": "p-1", "resource_type": "Observation", "version": 2}
    entry = {
        "EventBusName": "bus",
        "Source": "penstock.ingest",
        "DetailType": "PatientChanged",
        "Detail": json.dumps(detail),
    }
    events.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [entry]})
    with events:
        store.EventBus("bus", client=events.client).publish(EVENT)


def test_an_event_carries_the_trace_of_its_change() -> None:
    trace = TraceContext(trace_id=1 << 96, span_id=7)
    detail = {"id": "s-1", "patient": "p-1", "resource_type": "Observation", "version": 2, "trace": trace.traceparent}
    entry = {
        "EventBusName": "bus",
        "Source": "penstock.ingest",
        "DetailType": "PatientChanged",
        "TraceHeader": trace.xray,
        "Detail": json.dumps(detail),
    }
    events = stubbed("events")
    events.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [entry]})
    with events:
        store.EventBus("bus", client=events.client).publish(dataclasses.replace(EVENT, trace=trace))


def test_an_event_that_the_bus_did_not_take_is_a_failure() -> None:
    """PutEvents answers 200 for entries that failed: "FailedEntryCount: the number of failed entries".

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
    """
    events = stubbed("events")
    events.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]})
    with events, pytest.raises(store.UnpublishedError, match="ThrottlingException"):
        store.EventBus("bus", client=events.client).publish(EVENT)
