"""What an error of AWS means for whoever called: the same call may do better later, or never will."""

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachableError

AWS_ERRORS = (ClientError, HTTPClientError, UnreachableError)
"""What `told_apart` knows; anything else is a mistake of ours."""
Known = ClientError | HTTPClientError | UnreachableError
PASSING = frozenset(
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
"""Codes of DynamoDB, Kinesis and KMS; beside them whatever has a status from 500 on passes."""
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
PASSING_REASONS = frozenset(
    {"None", "ConditionalCheckFailed", "ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}
)
"""Why a transaction was cancelled."""


class Busy(Exception):  # noqa: N818 - workflows retry it by this name
    """The service behind has no capacity now, or did not answer; the same call may do better later."""


class RefusedByAws(Exception):  # noqa: N818 - workflows and operators know it by this name
    """AWS will not do what was asked, however often: the code says why. Its words are left out, for they may quote."""

    def __init__(self, operation: str, code: str) -> None:
        super().__init__(f"{operation}: {code}")
        self.code = code


def told_apart(error: Known) -> Busy | RefusedByAws:
    """To be raised outside of the handler, so that no chain of exceptions leads to what AWS says of the request."""
    if not isinstance(error, ClientError):
        return Busy(type(error).__name__)
    code = error.response["Error"]["Code"]
    reasons = {str(each.get("Code")) for each in error.response.get("CancellationReasons", ())} - {"None"}
    named = ",".join(sorted(reasons)) or code
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passes = reasons <= PASSING_REASONS if reasons else code in PASSING or status >= 500
    return Busy(named) if passes else RefusedByAws(error.operation_name, named)
