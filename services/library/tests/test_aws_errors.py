"""Errors of AWS that pass are told from those that never will, and neither says what it was about."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from services.library.runtime.aws_client import client
from services.library.runtime.aws_errors import Busy, RefusedByAws, classify
from services.library.runtime.failures import AwsFailure, failure_of

CANARY = "Schmidt-1957"


def refusal(code: str, status: int = 400, reasons: tuple[str, ...] = ()) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": CANARY}, "ResponseMetadata": {"HTTPStatusCode": status}}
    if reasons:
        response["CancellationReasons"] = [{"Code": reason, "Message": CANARY} for reason in reasons]
    return ClientError(response, "PutItem")


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("KMSThrottlingException"),
        refusal("InternalServerError", 500),
        refusal("SomethingNew", 503),
        refusal("TransactionCanceledException", reasons=("None", "ThrottlingError")),
        refusal("TransactionCanceledException", reasons=("ConditionalCheckFailed", "TransactionConflict")),
        ReadTimeoutError(endpoint_url="https://here"),
        ConnectTimeoutError(endpoint_url="https://here"),
        EndpointConnectionError(endpoint_url="https://here"),
    ],
)
def test_classify_returns_busy_for_transient_errors(error: Any) -> None:
    told = classify(error)
    assert type(told) is Busy
    assert CANARY not in str(told)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (refusal("AccessDeniedException"), "PutItem: AccessDeniedException"),
        (refusal("ValidationException"), "PutItem: ValidationException"),
        (refusal("ResourceNotFoundException"), "PutItem: ResourceNotFoundException"),
        (
            refusal("TransactionCanceledException", reasons=("None", "ThrottlingError", "ValidationError")),
            "PutItem: ThrottlingError,ValidationError",
        ),
    ],
)
def test_classify_returns_refused_with_operation_and_code_alone(error: Any, text: str) -> None:
    told = classify(error)
    assert type(told) is RefusedByAws
    assert str(told) == text


class Answer:
    """What comes back from AWS, at the last step before a socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, given: Callable[[], AWSResponse]) -> None:
        settings = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu-west-1"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        self.given = given

    def client(self, service: str) -> Any:
        made = client(service)
        made.meta.events.register("before-send", lambda **_: self.given())
        return made


def refused() -> AWSResponse:
    headers = HTTPHeaders()
    headers["x-amzn-requestid"] = "REQ-1"
    body = json.dumps({"__type": "AccessDeniedException", "message": CANARY}).encode()
    return AWSResponse(
        "https://here", 400, headers, SimpleNamespace(stream=lambda **_: iter((body,)), read=lambda: body)
    )


def unanswered() -> AWSResponse:
    raise ConnectTimeoutError(endpoint_url=f"https://{CANARY}")


ITEM = {"id": {"S": CANARY}}
CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("dynamodb", "put_item", {"TableName": "changes", "Item": ITEM}, "PutItem"),
    ("dynamodb", "transact_write_items", {"TransactItems": [{"Put": {"TableName": "changes", "Item": ITEM}}]}, ""),
    ("kinesis", "put_record", {"StreamName": "changes", "Data": CANARY.encode(), "PartitionKey": CANARY}, "PutRecord"),
    ("kms", "encrypt", {"KeyId": "arn:aws:kms:eu-west-1:1:key/changes", "Plaintext": CANARY.encode()}, "Encrypt"),
    ("sqs", "send_message", {"QueueUrl": "https://sqs/1/changes", "MessageBody": CANARY}, "SendMessage"),
    ("events", "put_events", {"Entries": [{"EventBusName": "changes", "Detail": CANARY}]}, "PutEvents"),
]


@pytest.mark.parametrize(("service", "method", "request_", "operation"), CALLS)
def test_a_log_has_code_operation_request_and_resource_of_a_call_that_aws_refused(
    service: str, method: str, request_: dict[str, Any], operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Answer(monkeypatch, refused).client(service)
    with pytest.raises(ClientError) as raised:
        getattr(made, method)(**request_)
    found = failure_of(raised.value)
    assert found is not None
    assert found.fields == {
        "aws_error": "AccessDeniedException",
        "aws_operation": operation or "TransactWriteItems",
        "aws_request_id": "REQ-1",
        "aws_resource": "changes",
    }
    told = classify(raised.value)
    assert str(told) == f"{found.operation}: AccessDeniedException (changes, request REQ-1)"
    assert failure_of(told) == found
    assert CANARY not in f"{told} {found}"


def test_a_log_has_operation_and_resource_of_a_call_that_nobody_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Answer(monkeypatch, unanswered).client("dynamodb")
    with pytest.raises(ConnectTimeoutError) as raised:
        made.put_item(TableName="changes", Item=ITEM)
    told = classify(raised.value)
    assert str(told) == "ConnectTimeoutError (changes)"
    found = failure_of(told)
    assert found is not None
    assert found.fields == {
        "aws_error": "ConnectTimeoutError",
        "aws_operation": "PutItem",
        "aws_resource": "changes",
    }


def test_the_failure_is_found_behind_the_exception_that_came_of_it() -> None:
    def fail() -> None:
        try:
            raise refusal("AccessDeniedException")
        except ClientError as error:
            raise ValueError(CANARY) from error

    with pytest.raises(ValueError, match=CANARY) as raised:
        fail()
    found = failure_of(raised.value)
    assert found == AwsFailure(code="AccessDeniedException", operation="PutItem")
    assert failure_of(ValueError()) is None


def test_what_is_a_sentence_and_no_code_is_not_logged() -> None:
    assert AwsFailure(code=f"no such {CANARY}", operation="PutItem", resource="t").fields == {
        "aws_operation": "PutItem",
        "aws_resource": "t",
    }
