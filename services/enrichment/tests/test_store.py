"""The table against the documented refusals of DynamoDB: those that pass are Busy, and no others."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from services.enrichment.runtime import change, store
from services.library.runtime.aws_errors import Busy, RefusedByAws

CANARY = "Schmidt-1957"
WORK = change.Work(execution="e-1", id="c-1", patient=CANARY)


@pytest.fixture
def dynamodb() -> Stubber:
    session = boto3.Session(aws_access_key_id="111111111111", aws_secret_access_key="local", region_name="eu-west-1")
    return Stubber(session.client("dynamodb"))


def hold(dynamodb: Stubber) -> Exception:
    with dynamodb, pytest.raises((Busy, RefusedByAws)) as raised:
        store.EnrichmentTable("t", client=dynamodb.client, hold_seconds=600).hold(WORK)
    assert raised.value.__context__ is None
    assert CANARY not in str(raised.value)
    return raised.value


CODES = [
    ("ProvisionedThroughputExceededException", Busy),
    ("ThrottlingException", Busy),
    ("AccessDeniedException", RefusedByAws),
    ("ResourceNotFoundException", RefusedByAws),
    ("ValidationException", RefusedByAws),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_read_raises_busy_for_transient_errors_alone(dynamodb: Stubber, code: str, kind: type[Exception]) -> None:
    dynamodb.add_client_error("get_item", code, CANARY)
    assert type(hold(dynamodb)) is kind


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_write_raises_busy_for_transient_errors_alone(dynamodb: Stubber, code: str, kind: type[Exception]) -> None:
    dynamodb.add_response("get_item", {})
    dynamodb.add_client_error("transact_write_items", code, CANARY)
    assert type(hold(dynamodb)) is kind


@pytest.mark.parametrize(("reason", "kind"), [("ThrottlingError", Busy), ("ValidationError", RefusedByAws)])
def test_a_transaction_raises_busy_for_transient_reasons_alone(
    dynamodb: Stubber, reason: str, kind: type[Exception]
) -> None:
    dynamodb.add_response("get_item", {})
    modeled: dict[str, Any] = {"CancellationReasons": [{"Code": "None"}, {"Code": reason, "Message": CANARY}]}
    dynamodb.add_client_error("transact_write_items", "TransactionCanceledException", CANARY, modeled_fields=modeled)
    assert type(hold(dynamodb)) is kind
