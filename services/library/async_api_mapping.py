"""How a POST becomes StartExecution, and what each of its answers becomes: the text that API Gateway works from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY = "[A-Za-z0-9_-]{16,64}"
RETRY_AFTER_SECONDS = 2

ACCESS_LOG_FORMAT = (
    '{"requestId":"$context.requestId","status":"$context.status","method":"$context.httpMethod",'
    '"path":"$context.resourcePath","latency":"$context.responseLatency",'
    '"integrationStatus":"$context.integration.status","trace":"$context.xrayTraceId"}'
)
"""No caller, no address, no payload."""


@dataclass(frozen=True, kw_only=True)
class IntegrationResponse:
    """What an answer of the service becomes, selected by its HTTP status."""

    status: int
    selection_pattern: str | None
    """None: the default, which must never be a success."""
    template: str


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    """What a refusal of API Gateway's own becomes."""

    type: str
    status: int | None
    """None: the status that API Gateway gives."""
    template: str
    headers: Mapping[str, str] = field(default_factory=dict)


def request_template(state_machine_arn: str) -> str:
    """StartExecution's input for a POST, in the Velocity of API Gateway's mapping templates.

    The execution's input is the body alone, so that a client's retry starts the same execution: the same name with
    another input is another request. The name is the caller's account and key, or else the request's own id. A key
    that does not look like one becomes a name that StartExecution refuses as InvalidName.
    """
    return f"""\
#set($key = $input.params('{IDEMPOTENCY_HEADER}'))
#if($key == "")
#set($name = $context.requestId)
#elseif($key.matches("{IDEMPOTENCY_KEY}"))
#set($name = "$context.identity.accountId-$key")
#else
#set($name = "?")
#end
{{
  "stateMachineArn": "{state_machine_arn}",
  "name": "$name",
  "traceHeader": "$util.escapeJavaScript($context.xrayTraceId)",
  "input": "$util.escapeJavaScript($input.json('$')).replaceAll("\\\\'", "'")"
}}"""


def problem(status: int, title: str, detail: str) -> str:
    """A problem document (RFC 9457) with the request's id."""
    return (
        f'{{"type": "about:blank", "title": "{title}", "status": {status}, "detail": "{detail}",'
        ' "requestId": "$context.requestId"}'
    )


REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "ExecutionAlreadyExists": (
        409,
        "Conflict",
        "This Idempotency-Key was used before, for another body or a finished request.",
    ),
    "ExecutionLimitExceeded": (429, "Too Many Requests", "Too many requests are being worked on. Try again later."),
    "ThrottlingException": (429, "Too Many Requests", "Too many requests at once. Try again later."),
    "InvalidExecutionInput": (400, "Bad Request", "The body cannot be taken as input."),
    "InvalidName": (400, "Bad Request", "Idempotency-Key must be 16 to 64 of A-Z, a-z, 0-9, _ and -."),
}
"""What each error of StartExecution is for the client. Any other is our own fault, and a 500."""


def _refusal_template() -> str:
    lines = ["#set($type = $input.path('$.__type'))"]
    word = "#if"
    for name, (status, title, detail) in REFUSALS.items():
        lines.append(f'{word}($type == "{name}" || $type.endsWith("#{name}"))')
        lines.append(f"#set($context.responseOverride.status = {status})")
        if status == 429:
            lines.append(f'#set($context.responseOverride.header.Retry-After = "{RETRY_AFTER_SECONDS}")')
        lines.append(problem(status, title, detail))
        word = "#elseif"
    lines += [
        "#else",
        problem(500, "Internal Server Error", "The request could not be accepted. Try again later."),
        "#end",
    ]
    return "\n".join(lines)


ACCEPTED = """\
#set($context.responseOverride.header.Content-Type = "application/json")
{"id": "$input.path('$.executionArn').replaceAll(".*:", "")"}"""

INTEGRATION_RESPONSES = (
    IntegrationResponse(status=202, selection_pattern="200", template=ACCEPTED),
    IntegrationResponse(status=500, selection_pattern=None, template=_refusal_template()),
)
STATUSES = (202, 400, 409, 413, 429, 500)

_PROBLEM = {"Content-Type": "application/problem+json"}


def _gateway(type_: str, status: int | None, title: str, **headers: str) -> GatewayResponse:
    text = (
        f'{{"type": "about:blank", "title": "{title}", "status": {status or 0}, "detail": $context.error.messageString,'
        ' "requestId": "$context.requestId"}'
    )
    return GatewayResponse(type=type_, status=status, template=text, headers={**_PROBLEM, **headers})


GATEWAY_RESPONSES = (
    _gateway("BAD_REQUEST_BODY", 400, "Bad Request"),
    _gateway("BAD_REQUEST_PARAMETERS", 400, "Bad Request"),
    _gateway("UNAUTHORIZED", 401, "Unauthorized"),
    _gateway("MISSING_AUTHENTICATION_TOKEN", 403, "Forbidden"),
    _gateway("INVALID_SIGNATURE", 403, "Forbidden"),
    _gateway("ACCESS_DENIED", 403, "Forbidden"),
    _gateway("WAF_FILTERED", 403, "Forbidden"),
    _gateway("REQUEST_TOO_LARGE", 413, "Content Too Large"),
    _gateway("UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type"),
    _gateway("THROTTLED", 429, "Too Many Requests", **{"Retry-After": str(RETRY_AFTER_SECONDS)}),
    _gateway("DEFAULT_5XX", 500, "Internal Server Error"),
)


def statuses() -> Mapping[str, Any]:
    """Each error of StartExecution and its status, for documentation and tests."""
    return {name: status for name, (status, _, _) in REFUSALS.items()}
