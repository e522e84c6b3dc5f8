"""Requests to a datastore, answers, and the errors among them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

MEDIA_TYPE = "application/fhir+json"
ISSUES = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "not-supported",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.GONE: "deleted",
    HTTPStatus.PRECONDITION_FAILED: "conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-supported",
    HTTPStatus.UNPROCESSABLE_ENTITY: "processing",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked of a datastore. The path is what follows `/r4/`; names of headers are in lower case."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    new_id: str = ""
    """The id of what is created, if that is known already."""


@dataclass(frozen=True, kw_only=True)
class FhirResponse:
    """What is answered."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class FhirError(Exception):
    """An answer that is an OperationOutcome."""

    def __init__(self, status: HTTPStatus, text: str, *, code: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = code or ISSUES.get(status, "exception")


def outcome(error: FhirError) -> FhirResponse:
    """https://hl7.org/fhir/R4/operationoutcome.html"""
    issue = {"severity": "error", "code": error.code, "diagnostics": error.text}
    return FhirResponse(status=error.status, body=json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}))
