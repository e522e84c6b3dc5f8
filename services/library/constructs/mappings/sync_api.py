"""The synchronous API's contract: the response is the execution's output, and a failed execution is no 2xx.

"StartSyncExecution will return a 200 OK response, even if your execution fails", so its status decides:

- SUCCEEDED: 200 with the output.
- FAILED: 500. Its error and cause stay in the workflow's log: they may quote what it worked on.
- TIMED_OUT: 504. Tasks that it had started may still run; nothing else does.

There is no idempotency key: a name may come again, and each request is an execution of its own.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
"""

from services.library.constructs.mappings import integration
from services.library.constructs.mappings.async_api import FAILURES, PayloadForm, refused_template
from services.library.constructs.mappings.integration import IntegrationResponse, overriding_a_success
from services.library.constructs.mappings.problem import PAYLOAD_LIMIT_BYTES, TOO_LARGE, UPSTREAM, Problem

FAILED = Problem(status=500, title="Failed", detail="The request was worked on and failed.")
TIMED_OUT = Problem(status=504, title="Timed out", detail="The request took too long and was given up.")


def integration_responses(
    *, limit_bytes: int = PAYLOAD_LIMIT_BYTES, form: PayloadForm = PayloadForm.JSON
) -> tuple[IntegrationResponse, ...]:
    """Return every integration response."""
    ended = IntegrationResponse(status=200, pattern="200", template=_ended())
    return integration.responses(ended, refused_template(limit_bytes, form))


def response_statuses() -> tuple[int, ...]:
    """Return every status that the method may respond with."""
    problems = [TOO_LARGE, FAILED, TIMED_OUT, *(problem for _, problem in FAILURES)]
    return integration.response_statuses(integration_responses(), problems)


def _ended() -> str:
    return (
        "#set($status = \"\")\n#set($status = $input.path('$.status'))\n"
        '#if($status == "SUCCEEDED")\n'
        "$input.path('$.output')\n"
        '#elseif($status == "FAILED")\n'
        + overriding_a_success(FAILED)
        + '#elseif($status == "TIMED_OUT")\n'
        + overriding_a_success(TIMED_OUT)
        + "#else\n"
        + overriding_a_success(UPSTREAM)
        + "#end\n"
    )
