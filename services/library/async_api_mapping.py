"""The async API's contract: how a request becomes an execution, and what is answered when it does not.

API Gateway calls `states:StartExecution` itself, so the contract is mapping templates (Velocity) and tables, not code.

- **The payload is the input**, byte for byte: `$input.body` ("You can use $input.body to preserve entire floating point
  numbers, such as 10.00"), where `$input.json('$')` writes numbers anew; clinical decimals mean their digits.
- **A key names one execution for its caller.** The execution's name is the caller's stable id and the key, so two
  callers may use one key and never meet. A role's id is its own without the session: a session's name changes with
  every retry of some clients. Names last 90 days, and so do keys.
- **Same key, same payload, still running: the same execution** (202). Same key and another payload, or the same one
  after the execution has closed: 409, as StartExecution documents. "Same" is byte for byte; headers do not count.
- **Without a key** each request is its own execution, named after `$context.extendedRequestId`, since "clients can
  override" `$context.requestId`.
- **Nothing that failed to start is a 2xx**: the default mapping is 500, and only an answer that names an execution
  is 202.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import json
from dataclasses import dataclass
from typing import Any

PAYLOAD_LIMIT_BYTES = 262_144
"""The most that an execution's input may be."""
IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY_PATTERN = "[A-Za-z0-9_-]{16,43}"
"""UUID, ULID, a hash up to base64url of SHA-256: what fits in a name of 80 characters beside the caller's id."""
RETRY_AFTER_SECONDS = 1
PROBLEM_MEDIA_TYPE = "application/problem+json"
IAM_CALLER = "$!context.identity.caller"
"""The stable identity under AWS_IAM: `AIDA...` for a user, `AROA...:session` for a role, the account for its root."""
ANY_OBJECT: dict[str, Any] = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}
"""The model of an API whose service states none: any JSON object."""

# A wildcard is never part of a name, so the service refuses it: the one way for a template to refuse a request.
_REFUSED_NAME = "*"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One way to fail, as a caller sees it. `detail` never quotes the service: its messages name accounts and ARNs."""

    status: int
    title: str
    detail: str
    retry: bool = False
    """Whether the same request may do better soon; answered with Retry-After."""

    def body(self, *, status: bool = True) -> str:
        """The problem+json text (RFC 9457), for a mapping template and for a gateway response alike."""
        members: dict[str, object] = {"type": "about:blank", "title": self.title}
        members |= {"status": self.status} if status else {}
        return json.dumps(members | {"detail": self.detail, "requestId": "$context.requestId"})


BAD_KEY = Problem(
    status=400, title="Bad idempotency key", detail=f"{IDEMPOTENCY_HEADER} must match {IDEMPOTENCY_KEY_PATTERN}."
)
BAD_PAYLOAD = Problem(status=400, title="Bad payload", detail="The payload is not valid JSON.")
CONFLICT = Problem(
    status=409,
    title="Key already used",
    detail=f"This {IDEMPOTENCY_HEADER} started an execution with another payload, or one that has already closed.",
)
TOO_LARGE = Problem(
    status=413, title="Payload too large", detail=f"The payload is larger than {PAYLOAD_LIMIT_BYTES} bytes."
)
BUSY = Problem(status=429, title="Too many requests", detail="Nothing was started. Retry later.", retry=True)
BROKEN = Problem(status=500, title="Not started", detail="Nothing was started. The operator has to repair the service.")
UPSTREAM = Problem(status=502, title="Not known to be started", detail="Retry with the same key.", retry=True)
UNAVAILABLE = Problem(status=503, title="Unavailable", detail="Retry with the same key.", retry=True)

FAILURES: tuple[tuple[tuple[str, ...], Problem], ...] = (
    (("ExecutionLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"), BUSY),
    (("ExecutionAlreadyExists",), CONFLICT),
    (("InvalidExecutionInput",), BAD_PAYLOAD),
    (("InvalidName",), BAD_KEY),
)
"""StartExecution's error types whose answer is not 500. Every other type, known or not, is the operator's to repair."""


@dataclass(frozen=True, kw_only=True)
class IntegrationAnswer:
    """One integration response. API Gateway chooses by the service's HTTP status, the whole of which must match."""

    status: int
    pattern: str | None
    """None is the default mapping, which answers whatever no pattern takes."""
    template: str
    parameters: dict[str, str]
    """Response parameters, by what they set."""


@dataclass(frozen=True, kw_only=True)
class GatewayAnswer:
    """One gateway response: what API Gateway answers by itself."""

    response_type: str
    status: int | None
    """None leaves the status that API Gateway chose."""
    template: str
    parameters: dict[str, str]


def request_template(state_machine_arn: str, *, identity: str = IAM_CALLER) -> str:
    """Map a request to StartExecution. `identity` is who a key belongs to, as a quiet Velocity reference."""
    return (
        _header("key", IDEMPOTENCY_HEADER)
        + f'#set($caller = "{identity}")\n'
        + '#set($caller = $caller.replaceAll(":.*", ""))\n'
        # The separators tell the two kinds of name apart, whatever the key: an identity has neither.
        + "#if(!$caller.matches('[A-Za-z0-9]{1,36}'))\n"
        + f'#set($execution = "{_REFUSED_NAME}")\n'
        + '#elseif($key == "")\n'
        + "#set($request = $context.extendedRequestId.replaceAll('[^A-Za-z0-9_-]', \"\"))\n"
        + '#set($execution = "${caller}_${request}")\n'
        + f"#elseif($key.matches('{IDEMPOTENCY_KEY_PATTERN}'))\n"
        + '#set($execution = "${caller}-${key}")\n'
        + "#else\n"
        + f'#set($execution = "{_REFUSED_NAME}")\n'
        + "#end\n"
        + '#set($trace = "$!context.xrayTraceId")\n'
        + "#set($trace = $trace.replaceAll('^Root=', \"\"))\n"
        + "{\n"
        + f'  "stateMachineArn": "{state_machine_arn}",\n'
        + '  "name": "$execution",\n'
        + "#if($trace.matches('1-[0-9a-f]{8}-[0-9a-f]{24}'))\n"
        + '  "traceHeader": "Root=$trace",\n'
        + "#end\n"
        # escapeJavaScript writes ' as \', which JSON does not know: without the replaceAll every apostrophe breaks.
        + '  "input": "$util.escapeJavaScript($input.body).replaceAll("\\\\\'", "\'")"\n'
        + "}\n"
    )


def execution_name(caller: str, key: str) -> str:
    """The name that a caller's key gives its execution, for whoever looks one up."""
    return f"{caller.partition(':')[0]}-{key}"


def integration_answers() -> tuple[IntegrationAnswer, ...]:
    """Every integration response; API Gateway keeps one for each status."""
    problem = {"method.response.header.Content-Type": f"'{PROBLEM_MEDIA_TYPE}'"}
    retry = {"method.response.header.Retry-After": f"'{RETRY_AFTER_SECONDS}'"}
    return (
        IntegrationAnswer(status=202, pattern="200", template=_started(), parameters={}),
        IntegrationAnswer(status=400, pattern=r"4\d{2}", template=_refused(), parameters=problem),
        IntegrationAnswer(status=503, pattern="503", template=UNAVAILABLE.body(), parameters=problem | retry),
        IntegrationAnswer(status=502, pattern=r"5(?!03)\d{2}", template=UPSTREAM.body(), parameters=problem | retry),
        IntegrationAnswer(status=500, pattern=None, template=BROKEN.body(), parameters=problem),
    )


def answered_statuses() -> tuple[int, ...]:
    """Every status that the method may answer, for its method responses."""
    overridden = (problem.status for _, problem in FAILURES)
    return tuple(sorted({*(answer.status for answer in integration_answers()), *overridden, TOO_LARGE.status}))


def gateway_answers() -> tuple[GatewayAnswer, ...]:
    """Every gateway response, in the shape of all other problems."""
    return tuple(
        GatewayAnswer(
            response_type=response_type,
            status=None if response_type.startswith("DEFAULT_") else problem.status,
            template=_gateway_template(response_type, problem),
            parameters={"gatewayresponse.header.Content-Type": f"'{PROBLEM_MEDIA_TYPE}'"}
            | ({"gatewayresponse.header.Retry-After": f"'{RETRY_AFTER_SECONDS}'"} if problem.retry else {}),
        )
        for response_type, problem in _GATEWAY_PROBLEMS.items()
    )


_FORBIDDEN = Problem(status=403, title="Forbidden", detail="The request is not signed by somebody who may make it.")
_UNKNOWN = Problem(status=500, title="Internal error", detail="Retry with the same key.")
_LATE = Problem(status=504, title="Not known to be started", detail="Retry with the same key.", retry=True)
_GATEWAY_PROBLEMS: dict[str, Problem] = {
    "BAD_REQUEST_BODY": Problem(status=400, title="Bad payload", detail=""),
    "BAD_REQUEST_PARAMETERS": Problem(status=400, title="Bad parameters", detail=""),
    "UNAUTHORIZED": Problem(status=401, title="Unauthorized", detail="The request carries no valid credentials."),
    "MISSING_AUTHENTICATION_TOKEN": _FORBIDDEN,
    "INVALID_SIGNATURE": _FORBIDDEN,
    "EXPIRED_TOKEN": _FORBIDDEN,
    "INVALID_API_KEY": _FORBIDDEN,
    "ACCESS_DENIED": _FORBIDDEN,
    "WAF_FILTERED": _FORBIDDEN,
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
    "INTEGRATION_FAILURE": _LATE,
    "INTEGRATION_TIMEOUT": _LATE,
    "DEFAULT_4XX": Problem(status=400, title="Bad request", detail="The request is refused."),
    "DEFAULT_5XX": _UNKNOWN,
}


def _gateway_template(response_type: str, problem: Problem) -> str:
    body = problem.body(status=not response_type.startswith("DEFAULT_"))
    # These two messages are about the request alone, and messageString brings its own quotes.
    return body.replace('"detail": ""', '"detail": $context.error.messageString')


def _header(variable: str, name: str) -> str:
    """Velocity that reads a header whatever its case: "Header names ... are processed in a case-sensitive way"."""
    return (
        f'#set(${variable} = "")\n'
        "#foreach($name in $input.params().header.keySet())\n"
        f'#if($name.equalsIgnoreCase("{name}"))\n'
        f"#set(${variable} = $input.params().header.get($name))\n"
        "#end\n#end\n"
    )


def _started() -> str:
    """202 with the execution's name, the last part of its ARN; a success without an execution is none."""
    return (
        "#set($arn = \"\")\n#set($arn = $input.path('$.executionArn'))\n"
        "#if($arn.matches('arn:.+'))\n"
        '{"id": "$arn.replaceAll(\'^.*:\', "")"}\n'
        "#else\n"
        f"#set($context.responseOverride.status = {UPSTREAM.status})\n"
        f'#set($context.responseOverride.header.Content-Type = "{PROBLEM_MEDIA_TYPE}")\n'
        f"{UPSTREAM.body()}\n"
        "#end\n"
    )


def _refused() -> str:
    """The error's type decides the status; it may carry its namespace (`com.amazonaws.swf.service.v2.model#Type`)."""
    size = str(PAYLOAD_LIMIT_BYTES)
    digits = len(size)
    text = (
        "#set($type = \"\")\n#set($type = $input.path('$.__type'))\n"
        "#set($type = $type.replaceAll('^.*#', \"\"))\n"
        "#set($message = \"\")\n#set($message = $input.path('$.message'))\n"
        "#if($message == \"\")\n#set($message = $input.path('$.Message'))\n#end\n"
        + _header("length", "Content-Length")
        + "#set($large = $message.matches('(?s).*(262144|too large|size limit|maximum size).*'))\n"
        # As text: of numbers of as many digits the greater one comes later.
        + f'#if($length.length() > {digits} || ($length.length() == {digits} && $length.compareTo("{size}") > 0))\n'
        + "#set($large = true)\n#end\n"
        + "#if($large && $type.matches('(InvalidExecutionInput|ValidationException|SerializationException)?'))\n"
        + _overriding(TOO_LARGE)
    )
    for types, problem in FAILURES:
        text += f"#elseif($type.matches('{'|'.join(types)}'))\n" + _overriding(problem)
    return text + "#else\n" + _overriding(BROKEN) + "#end\n"


def _overriding(problem: Problem) -> str:
    retry = f'#set($context.responseOverride.header.Retry-After = "{RETRY_AFTER_SECONDS}")\n' if problem.retry else ""
    return f"#set($context.responseOverride.status = {problem.status})\n{retry}{problem.body()}\n"
