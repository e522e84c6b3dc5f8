"""What a caller is told: resources as they are, and problems (RFC 9457) that quote nothing of what was asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from services.library.runtime import exact_json, fhir
from services.library.runtime.aws_errors import Busy, RefusedByAws
from services.library.runtime.fhir import ForeignLinkError, MalformedAnswerError, Page, Read, RefusedError, RequestError
from services.library.runtime.resilience import CallError, DeadlineError

from .queries import QueryError
from .tokens import LongLinkError, TokenError

LARGEST_BYTES = 6_000_000
"""Lambda answers 6 MB at most: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = 1

# status -> title, what to do
_SAID: Mapping[int, tuple[str, str]] = {
    400: ("Bad request", "The datastore does not understand the request."),
    401: ("Not authenticated", "The datastore does not take the service's credentials. The operator has to repair it."),
    403: ("Not allowed", "The datastore does not let the service do this. The operator has to repair it."),
    404: ("Not found", "There is no such resource."),
    409: ("Conflict", "The resource is being changed. Read it again."),
    410: ("Deleted", "There was such a resource; it was deleted."),
    412: ("Another version", "The resource has another version than the request says. Read it again."),
    413: ("Too large", "The answer is too large; ask for fewer at once, or for some elements alone."),
    422: ("Not processable", "The datastore cannot process the request."),
    429: ("Too many requests", "Retry later."),
    502: ("Bad answer", "The datastore's answer is not what it should be. Nothing was left out silently."),
    503: ("Unavailable", "The datastore cannot answer now. Retry later."),
    504: ("Timed out", "The datastore took too long. Retry later."),
}
PASSED_ON = frozenset({400, 401, 403, 404, 409, 410, 412, 413, 422, 429})


@dataclass(frozen=True, kw_only=True)
class ApiResponse:
    """One response, as Lambda's proxy integration wants it."""

    status: int
    body: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_proxy(self) -> dict[str, Any]:
        """Return the response in the form of Lambda's proxy integration.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
        """
        headers = {"Cache-Control": "no-store", **self.headers}
        return {"statusCode": self.status, "headers": headers, "body": self.body, "isBase64Encoded": False}

    @property
    def fits(self) -> bool:
        """Return whether Lambda can send it: the body as a text in JSON, in which each `"` and `\\` is two bytes.

        What is not ASCII counts as escaped, too, which is the most that a runtime makes of it.
        """
        return len(self.body) <= LARGEST_BYTES and len(json.dumps(self.to_proxy())) <= LARGEST_BYTES


def of_read(read: Read | None, *, asked_for: str | None, request_id: str) -> ApiResponse:
    """Return one resource, byte for byte; 304 without one."""
    if read is None:
        return ApiResponse(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": asked_for or ""})
    headers = {"Content-Type": fhir.MEDIA_TYPE}
    headers |= {"ETag": read.etag} if read.etag else {}
    headers |= {"Last-Modified": read.modified} if read.modified else {}
    return _that_fits(ApiResponse(status=HTTPStatus.OK, body=read.body.decode(), headers=headers), request_id)


def of_page(page: Page, *, next_: str | None, request_id: str) -> ApiResponse:
    """Return one page of a search. `complete` is false if the datastore left something out of it."""
    content: dict[str, Any] = {"resources": page.resources, "complete": page.complete, "next": next_}
    content |= {} if page.total is None else {"total": page.total}
    body = exact_json.write(content)
    return _that_fits(
        ApiResponse(status=HTTPStatus.OK, body=body, headers={"Content-Type": "application/json"}), request_id
    )


def of_error(error: Exception, request_id: str) -> ApiResponse:
    """Return the problem of an error, as far as a caller can do something about it."""
    if isinstance(error, QueryError | RequestError):
        return problem(400, request_id, detail=f"{error}.")
    if isinstance(error, TokenError):
        detail = "next is not one that you were given for this search, or it is too old. Search again."
        return problem(400, request_id, detail=detail)
    if isinstance(error, Busy):
        return problem(503, request_id, detail="The link to the next page cannot be sealed or read now. Retry later.")
    if isinstance(error, RefusedByAws):
        return problem(500, request_id)
    if isinstance(error, RefusedError):
        return problem(error.status if error.status in PASSED_ON else 502, request_id, codes=error.codes)
    return problem(_status_of(error), request_id)


def problem(status: int, request_id: str, *, detail: str = "", codes: tuple[str, ...] = ()) -> ApiResponse:
    """Return one problem; `codes` are FHIR's own of an OperationOutcome."""
    title, said = _SAID.get(status, ("Failed", "The operator has to look at the service."))
    content: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail or said}
    content |= {"issues": codes} if codes else {}
    headers = {"Content-Type": PROBLEM}
    headers |= {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in {429, 503} else {}
    return ApiResponse(status=status, body=json.dumps(content | {"requestId": request_id}), headers=headers)


def _that_fits(answer: ApiResponse, request_id: str) -> ApiResponse:
    return answer if answer.fits else problem(413, request_id)


def _status_of(error: Exception) -> int:
    if isinstance(error, LongLinkError | MalformedAnswerError | ForeignLinkError):
        return 502
    if isinstance(error, DeadlineError):
        return 504
    if not isinstance(error, CallError):
        return 500
    if fhir.status_of(error) == HTTPStatus.TOO_MANY_REQUESTS:
        return 429
    return 503 if fhir.is_transient(error) else 502
