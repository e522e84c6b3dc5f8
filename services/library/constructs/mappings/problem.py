"""The error responses of every API: one format (RFC 9457), with the request's id and a sentence on what to do."""

import json
from dataclasses import dataclass, replace

PAYLOAD_LIMIT_BYTES = 262_144
"""The most that a workflow's input may be, and so a payload: what is larger goes through a claim."""
RETRY_AFTER_SECONDS = 1
PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An error response. `detail` never quotes an AWS service, whose messages name accounts and ARNs."""

    status: int
    title: str
    detail: str
    retry: bool = False
    """Whether the same request may succeed soon; the response has Retry-After then."""

    def body(self, *, status: bool = True) -> str:
        """Return the problem+json text, for a mapping template or a gateway response."""
        members: dict[str, object] = {"type": "about:blank", "title": self.title}
        members |= {"status": self.status} if status else {}
        return json.dumps(members | {"detail": self.detail, "requestId": "$context.requestId"})


def too_large(limit_bytes: int) -> Problem:
    """Return the problem of a payload over a limit."""
    return Problem(status=413, title="Payload too large", detail=f"The payload is larger than {limit_bytes} bytes.")


BAD_BODY = Problem(status=400, title="Bad payload", detail="")
"""Without a detail of its own it is API Gateway's: "Invalid request body"."""
BAD_PAYLOAD = Problem(status=400, title="Bad payload", detail="The payload is not valid JSON.")
TOO_LARGE = too_large(PAYLOAD_LIMIT_BYTES)
BUSY = Problem(status=429, title="Too many requests", detail="Nothing was started. Retry later.", retry=True)
BROKEN = Problem(status=500, title="Not started", detail="Nothing was started. The operator has to repair the service.")
UPSTREAM = Problem(status=502, title="Not known to be started", detail="Retry with the same key.", retry=True)
UNAVAILABLE = Problem(status=503, title="Unavailable", detail="Retry with the same key.", retry=True)
LATE = Problem(status=504, title="Not known to be started", detail="Retry with the same key.", retry=True)


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    """One gateway response, which API Gateway makes by itself."""

    response_type: str
    status: int | None
    """None leaves the status that API Gateway chose."""
    template: str
    headers: dict[str, str]
    """Name -> value, as a response parameter has it."""


def gateway_responses(*, body_refusal: str = "", asks_for_tokens: bool = False) -> tuple[GatewayResponse, ...]:
    """Return every gateway response, in the format of all other problems.

    `body_refusal` is the detail of a payload that its model refuses. `asks_for_tokens`: whether an authorizer of the
    library's denies access, for which clients of OAuth expect a 401.
    """
    problems = {**_GATEWAY_PROBLEMS, "BAD_REQUEST_BODY": replace(BAD_BODY, detail=body_refusal)}
    if asks_for_tokens:
        problems["ACCESS_DENIED"] = _TOKEN_REFUSED
    return tuple(
        GatewayResponse(
            response_type=response_type,
            status=None if response_type.startswith("DEFAULT_") else problem.status,
            template=_gateway_template(response_type, problem),
            headers={"Content-Type": f"'{PROBLEM_MEDIA_TYPE}'"}
            | ({"Retry-After": f"'{RETRY_AFTER_SECONDS}'"} if problem.retry else {}),
        )
        for response_type, problem in problems.items()
    )


_FORBIDDEN = Problem(status=403, title="Forbidden", detail="The request is not signed by somebody who may make it.")
_TOKEN_REFUSED = Problem(
    status=401,
    title="Unauthorized",
    detail="The token is not one that is accepted here, is over, or does not allow this.",
)
_FILTERED = Problem(
    status=403,
    title="Filtered",
    detail="The web firewall took the request for an attack. Who signed it was not asked."
    " If it is none, tell the operator its requestId.",
)
_UNKNOWN = Problem(status=500, title="Internal error", detail="Retry with the same key.")
_GATEWAY_PROBLEMS: dict[str, Problem] = {
    "BAD_REQUEST_BODY": BAD_BODY,
    "BAD_REQUEST_PARAMETERS": Problem(status=400, title="Bad parameters", detail=""),
    "UNAUTHORIZED": Problem(status=401, title="Unauthorized", detail="The request carries no valid credentials."),
    "MISSING_AUTHENTICATION_TOKEN": _FORBIDDEN,
    "INVALID_SIGNATURE": _FORBIDDEN,
    "EXPIRED_TOKEN": _FORBIDDEN,
    "INVALID_API_KEY": _FORBIDDEN,
    "ACCESS_DENIED": _FORBIDDEN,
    "WAF_FILTERED": _FILTERED,
    "RESOURCE_NOT_FOUND": Problem(status=404, title="Not found", detail="There is nothing here."),
    "REQUEST_TOO_LARGE": TOO_LARGE,
    "UNSUPPORTED_MEDIA_TYPE": Problem(
        status=415, title="Unsupported media type", detail="The payload must be application/json."
    ),
    "THROTTLED": BUSY,
    "QUOTA_EXCEEDED": BUSY,
    "API_CONFIGURATION_ERROR": BROKEN,
    "AUTHORIZER_CONFIGURATION_ERROR": BROKEN,
    "AUTHORIZER_FAILURE": BROKEN,
    "INTEGRATION_FAILURE": LATE,
    "INTEGRATION_TIMEOUT": LATE,
    "DEFAULT_4XX": Problem(status=400, title="Bad request", detail="The request is refused."),
    "DEFAULT_5XX": _UNKNOWN,
}


def _gateway_template(response_type: str, problem: Problem) -> str:
    body = problem.body(status=not response_type.startswith("DEFAULT_"))
    # These two messages are about the request alone, and messageString brings its own quotes.
    return body.replace('"detail": ""', '"detail": $context.error.messageString')
