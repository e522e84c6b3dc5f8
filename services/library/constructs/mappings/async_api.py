"""The async API's contract: how a request becomes an execution, and the response when it does not.

API Gateway calls `states:StartExecution` itself, so the contract is mapping templates (Velocity) and tables, not code.

- **The payload is the input**, byte for byte: `$input.body` ("You can use $input.body to preserve entire floating point
  numbers, such as 10.00"), where `$input.json('$')` writes numbers anew; docs/decisions says what else that means.
- **A key names one execution for its caller**: `request_name.py`. Names last 90 days, and so do keys.
- **Same key, same payload, still running: the same execution** (202). Same key and another payload, or the same one
  after the execution has closed: 409, as StartExecution documents. "Same" is byte for byte; headers do not count.
  That is of Standard workflows. "StartExecution is not idempotent for EXPRESS workflows": there a key is only the
  execution's name, and a retry is another execution of that name.
- **Nothing that failed to start is a 2xx**: only an answer that names an execution is 202.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

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
FAILURES: integration.Failures = (
    (("ExecutionLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"), BUSY),
    (("ExecutionAlreadyExists",), CONFLICT),
    (("InvalidExecutionInput",), BAD_PAYLOAD),
    (("InvalidName",), BAD_KEY),
)
"""StartExecution's error types whose response is not 500; StartSyncExecution's are among them."""


def request_template(
    state_machine_arn: str, *, identity: str = IAM_CALLER, keys: bool = True, limit_bytes: int = PAYLOAD_LIMIT_BYTES
) -> str:
    """Map a request to StartExecution or StartSyncExecution."""
    return (
        name_template(identity, keys=keys)
        + (refusing_template(limit_bytes) if limit_bytes < PAYLOAD_LIMIT_BYTES else "")
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


def integration_responses(*, limit_bytes: int = PAYLOAD_LIMIT_BYTES) -> tuple[IntegrationResponse, ...]:
    """Return every integration response."""
    started = IntegrationResponse(status=202, pattern="200", template=_started())
    return integration.responses(started, refused_template(limit_bytes))


def response_statuses() -> tuple[int, ...]:
    """Return every status that the method may respond with."""
    return integration.response_statuses(integration_responses(), [TOO_LARGE, *(problem for _, problem in FAILURES)])


def refused_template(limit_bytes: int) -> str:
    """Return the template for an error of Step Functions."""
    return integration.refused_template(
        FAILURES,
        type_path="$.__type",
        message_path="$.message",
        too_large_types="(InvalidExecutionInput|InvalidName|ValidationException|SerializationException)?",
        limit_bytes=limit_bytes,
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
