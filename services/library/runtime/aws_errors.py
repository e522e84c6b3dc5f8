"""Classification of errors of AWS: transient ones, after which the same call may succeed, and permanent ones."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachableError

from .failures import AwsFailure, failure_of

AWS_ERRORS = (ClientError, HTTPClientError, UnreachableError)
"""The exceptions that `classify` takes; any other is a bug."""
AwsError = ClientError | HTTPClientError | UnreachableError
TRANSIENT_CODES = frozenset(
    {
        "DependencyTimeoutException",
        "InternalFailure",
        "InternalServerError",
        "KMSInternalException",
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)
"""Transient codes of DynamoDB, Kinesis and KMS; every error with a status from 500 on is transient, too."""
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
TRANSIENT_REASONS = frozenset(
    {"None", "ConditionalCheckFailed", "ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}
)
"""Reasons for a cancelled transaction after which it may be tried again."""


# Not called TransientError: the class's name is the error name in the Retry of workflows that are deployed.
class Busy(Exception):  # noqa: N818 - as above
    """The service behind has no capacity now, or did not answer; the same call may do better later."""

    def __init__(self, text: str, *, failure: AwsFailure | None = None) -> None:
        super().__init__(_with(text, failure))
        self.aws_failure = failure


class RefusedByAws(Exception):  # noqa: N818 - workflows and operators know it by this name
    """AWS refuses the call for good. Has the error code, and not the message, which may quote what was sent."""

    def __init__(self, operation: str, code: str, *, failure: AwsFailure | None = None) -> None:
        super().__init__(_with(f"{operation}: {code}", failure))
        self.code = code
        self.aws_failure = failure


def _with(text: str, failure: AwsFailure | None) -> str:
    """Add to the text what Lambda's own log line would not have: resource and request, where they are known."""
    return f"{text} ({failure.text})" if failure is not None and failure.text else text


def call(operation: Callable[..., Any], **request: Any) -> Any:
    """Call an operation of a boto3 client and return its response. Raises Busy or RefusedByAws."""
    try:
        return operation(**request)
    except AWS_ERRORS as error:
        failure = classify(error)
    # Outside of the handler, so that no chain of exceptions leads to what AWS says of the request.
    raise failure


def classify(error: AwsError) -> Busy | RefusedByAws:
    """Return the exception for an error of AWS.

    Raise it outside of the `except` block, so that no chain of exceptions leads to what AWS says of the request.
    """
    failure = failure_of(error)
    if not isinstance(error, ClientError):
        return Busy(type(error).__name__, failure=failure)
    code = error.response["Error"]["Code"]
    reasons = {str(each.get("Code")) for each in error.response.get("CancellationReasons", ())} - {"None"}
    named = ",".join(sorted(reasons)) or code
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    transient = reasons <= TRANSIENT_REASONS if reasons else code in TRANSIENT_CODES or status >= 500
    if transient:
        return Busy(named, failure=failure)
    return RefusedByAws(error.operation_name, named, failure=failure)
