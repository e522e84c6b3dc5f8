"""Errors of AWS that pass are told from those that never will, and neither says what it was about."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from services.library.runtime.aws_errors import Busy, RefusedByAws, classify

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
