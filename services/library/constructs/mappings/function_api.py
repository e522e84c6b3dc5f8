"""The function API's contract: a function is called with `{"id": ..., "payload": ...}`, and its result is the response.

- **The payload is handed on** as it came, with a name of the request's own (`request_name.py`). There is no idempotency
  key: a mapping cannot refuse a malformed one before the function has run, so a service that wants one has it in its
  payload.
- **An error is no success.** API Gateway answers whatever matches no pattern as a success, and an error may have no
  message to match. So every message is a pattern, and the template looks for an error again. What it says stays in the
  function's log.

https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html
"""

from services.library.constructs.mappings import integration
from services.library.constructs.mappings.integration import PROBLEM_HEADER, IntegrationResponse, overriding_a_success
from services.library.constructs.mappings.problem import Problem
from services.library.constructs.mappings.request_name import IAM_CALLER, name_template

FAILED = Problem(status=500, title="Failed", detail="The request was worked on and failed.")
LATE = Problem(status=504, title="Timed out", detail="The request took too long and was given up.")


def request_template(*, identity: str = IAM_CALLER) -> str:
    """Map a request to the function's event."""
    return name_template(identity, keys=False) + '{"id": "$execution", "payload": $input.body}\n'


def integration_responses(*, status: int = 200) -> tuple[IntegrationResponse, ...]:
    """Return every integration response; `status` is that of a success."""
    return (
        IntegrationResponse(status=504, pattern=r".*Task timed out.*", template=LATE.body(), parameters=PROBLEM_HEADER),
        IntegrationResponse(status=500, pattern=r"(.|\n)+", template=FAILED.body(), parameters=PROBLEM_HEADER),
        IntegrationResponse(status=status, pattern=None, template=_answered()),
    )


def response_statuses(*, status: int = 200) -> tuple[int, ...]:
    """Return every status that the method may respond with."""
    return integration.response_statuses(integration_responses(status=status), [FAILED])


def _answered() -> str:
    return (
        "#set($error = \"\")\n#set($error = $input.path('$.errorType'))\n"
        '#if($error != "")\n' + overriding_a_success(FAILED) + "#else\n$input.body\n#end\n"
    )
