"""The async API's contract: how a request becomes an execution, and the response when it does not.

API Gateway calls `states:StartExecution` itself, so the contract is mapping templates (Velocity) and tables, not code.

- **The payload is the input**: as `PayloadForm.JSON` the body itself, whose numbers and escapes Step Functions and
  Lambda write anew, and as `PayloadForm.TEXT` a string that is the body byte for byte. It is always `$input.body`:
  `$input.json('$')` would write it anew before it gets there. docs/decisions/0039 says what else that means.
- **A key names one execution for its caller**: `request_name.py`. Names last 90 days, and so do keys.
- **Same key, same payload, still running: the same execution** (202). Same key and another payload, or the same one
  after the execution has closed: 409, as StartExecution documents. "Same" is byte for byte; headers do not count.
  That is of Standard workflows. "StartExecution is not idempotent for EXPRESS workflows": there a key is only the
  execution's name, and a retry is another execution of that name.
- **Nothing that failed to start is a 2xx**: only an answer that names an execution is 202.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from dataclasses import replace
from enum import Enum

from services.library.constructs.mappings import integration
from services.library.constructs.mappings.integration import IntegrationResponse, overriding_a_success
from services.library.constructs.mappings.problem import (
    BAD_PAYLOAD,
    BUSY,
    PAYLOAD_LIMIT_BYTES,
    TOO_LARGE,
    UPSTREAM,
    Problem,
)
from services.library.constructs.mappings.request_name import (
    BAD_KEY,
    IAM_CALLER,
    IDEMPOTENCY_HEADER,
    name_template,
    refusing_template,
)

CONFLICT = Problem(
    status=409,
    title="Key already used",
    detail=f"This {IDEMPOTENCY_HEADER} started an execution with another payload, or one that has already closed.",
)
NOT_TAKEN = "*"
"""The input of a request whose payload is not taken. It is no JSON, so Step Functions refuses it."""
ENVELOPE_BYTES = len('{"base64":""}')
TEXT_LIMIT_BYTES = (PAYLOAD_LIMIT_BYTES - ENVELOPE_BYTES) // 4 * 3
"""The most that a payload may be that travels as text: base64 writes three bytes as four."""
FAILURES: integration.Failures = (
    (("ExecutionLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"), BUSY),
    (("ExecutionAlreadyExists",), CONFLICT),
    (("InvalidExecutionInput",), BAD_PAYLOAD),
    (("InvalidName",), BAD_KEY),
)
"""StartExecution's error types whose response is not 500; StartSyncExecution's are among them."""


class PayloadForm(Enum):
    """How a payload travels to a workflow's first task."""

    JSON = "JSON"
    """As the execution's input, whose fields the workflow's states may use. Numbers do not keep their digits."""
    TEXT = "TEXT"
    """As `{"base64": body}`: byte for byte, for whoever decodes it. Base64 always takes four bytes for three, where
    escaping takes up to three for one."""

    def limit_bytes(self, wanted: int) -> int:
        """Return the limit of a payload: what is wanted, if the input of a workflow has room for as much."""
        return min(wanted, TEXT_LIMIT_BYTES) if self is PayloadForm.TEXT else wanted


def request_template(
    state_machine_arn: str,
    *,
    identity: str = IAM_CALLER,
    keys: bool = True,
    limit_bytes: int = PAYLOAD_LIMIT_BYTES,
    form: PayloadForm = PayloadForm.JSON,
) -> str:
    """Map a request to StartExecution or StartSyncExecution."""
    return (
        name_template(identity, keys=keys)
        + (_text_template(limit_bytes) if form is PayloadForm.TEXT else _json_template(limit_bytes))
        + '#set($trace = "$!context.xrayTraceId")\n'
        + "#set($trace = $trace.replaceAll('^Root=', \"\"))\n"
        + "{\n"
        + f'  "stateMachineArn": "{state_machine_arn}",\n'
        + '  "name": "$execution",\n'
        + "#if($trace.matches('1-[0-9a-f]{8}-[0-9a-f]{24}'))\n"
        + '  "traceHeader": "Root=$trace",\n'
        + "#end\n"
        + (_TEXT_INPUT if form is PayloadForm.TEXT else _JSON_INPUT)
        + "}\n"
    )


def integration_responses(
    *, limit_bytes: int = PAYLOAD_LIMIT_BYTES, form: PayloadForm = PayloadForm.JSON
) -> tuple[IntegrationResponse, ...]:
    """Return every integration response."""
    started = IntegrationResponse(status=202, pattern="200", template=_started())
    return integration.responses(started, refused_template(limit_bytes, form))


def response_statuses() -> tuple[int, ...]:
    """Return every status that the method may respond with."""
    return integration.response_statuses(integration_responses(), [TOO_LARGE, *(problem for _, problem in FAILURES)])


def refused_template(limit_bytes: int, form: PayloadForm) -> str:
    """Return the template for an error of Step Functions."""
    bad_payload = _bad_text(limit_bytes) if form is PayloadForm.TEXT else BAD_PAYLOAD
    return integration.refused_template(
        [(types, bad_payload if problem is BAD_PAYLOAD else problem) for types, problem in FAILURES],
        type_path="$.__type",
        message_path="$.message",
        too_large_types="(InvalidExecutionInput|InvalidName|ValidationException|SerializationException)?",
        limit_bytes=limit_bytes,
    )


def _bad_text(limit_bytes: int) -> Problem:
    detail = f"The payload is not valid JSON, has half of a surrogate pair, or is larger than {limit_bytes} bytes."
    return replace(BAD_PAYLOAD, detail=detail)


# escapeJavaScript writes ' as \', which JSON does not know: without the replaceAll every apostrophe breaks.
_JSON_INPUT = '  "input": "$util.escapeJavaScript($input.body).replaceAll("\\\\\'", "\'")"\n'
_TEXT_INPUT = f'  "input": "#if($taken){{\\"base64\\":\\"$encoded\\"}}#{{else}}{NOT_TAKEN}#end"\n'


def _json_template(limit_bytes: int) -> str:
    return refusing_template(limit_bytes) if limit_bytes < PAYLOAD_LIMIT_BYTES else ""


def _text_template(limit_bytes: int) -> str:
    """Return Velocity that sets `$encoded`, and `$taken` to whether the payload is short enough and whole.

    Half of a surrogate pair, which only an escape can write, is no character: nobody behind can do anything with it.
    """
    pair = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    longest = -(-limit_bytes // 3) * 4
    return (
        "#set($encoded = $util.base64Encode($input.body))\n"
        # An escaped backslash begins no escape.
        r"#set($halves = $input.body.replaceAll('\\\\', '_')" + f".replaceAll('{pair}', '_'))\n"
        f"#set($taken = $encoded.length() <= {longest} && !$halves.matches('(?s).*\\\\u[dD][89a-fA-F].*'))\n"
    )


def _started() -> str:
    """Return the template for a success: 202 with the execution's name, and an error without an execution.

    The name is the eighth part of its ARN, `...:execution:machine:name` or `...:express:machine:name:id`.
    """
    return (
        "#set($arn = \"\")\n#set($arn = $input.path('$.executionArn'))\n"
        "#if($arn.matches('arn:([^:]*:){6}[^:]+(:[^:]+)?'))\n"
        '{"id": "$arn.replaceAll(\'^([^:]*:){7}\', "").replaceAll(\':.*\', "")"}\n'
        "#else\n" + overriding_a_success(UPSTREAM) + "#end\n"
    )
