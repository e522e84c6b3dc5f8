"""What a log may say of a failed call of AWS: whom an operator asks, and about what, without a value that was sent."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

FIELDS = ("aws_error", "aws_operation", "aws_request_id", "aws_resource")
"""Of a log line."""
RESOURCE = "Resource"
"""The member of a response's `ResponseMetadata` into which aws_client.py writes the name of the resource."""
PLAIN = re.compile(r"[A-Za-z0-9+/=_.,:-]{1,128}")
"""A code, an id or a name. A sentence, which might quote what was sent, is none of them."""


@dataclass(frozen=True, kw_only=True)
class AwsFailure:
    """One failed call."""

    code: str
    operation: str = ""
    request_id: str = ""
    resource: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """Return the fields of a log line; what is not known has none."""
        values = (self.code, self.operation, self.request_id, self.resource)
        return {name: value for name, value in zip(FIELDS, values, strict=True) if PLAIN.fullmatch(value)}

    @property
    def text(self) -> str:
        """Return what stands in the text of an exception behind operation and code."""
        known = self.fields
        request = f"request {known['aws_request_id']}" if "aws_request_id" in known else ""
        return ", ".join(each for each in (known.get("aws_resource", ""), request) if each)


@runtime_checkable
class _ClientError(Protocol):
    """botocore's ClientError, which is not imported: not every function calls AWS."""

    response: Mapping[str, Any]
    operation_name: str


def failure_of(error: BaseException) -> AwsFailure | None:
    """Return the failed call of AWS that an exception is about, or that led to it."""
    for each in _chain(error):
        known = getattr(each, "aws_failure", None)
        if isinstance(known, AwsFailure):
            return known
        if isinstance(each, _ClientError):
            return of_response(each.operation_name, each.response)
    return None


def of_response(operation: str, response: Mapping[str, Any]) -> AwsFailure:
    """Return the failure that a response of AWS tells of; of a cancelled transaction the reasons are its code."""
    metadata = response.get("ResponseMetadata", {})
    reasons = {str(each.get("Code")) for each in response.get("CancellationReasons", ())} - {"None"}
    return AwsFailure(
        code=",".join(sorted(reasons)) or str(response.get("Error", {}).get("Code", "")),
        operation=operation,
        request_id=str(metadata.get("RequestId", "")),
        resource=str(metadata.get(RESOURCE, "")),
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
