"""How an API's method calls an AWS service and maps its response: mapping templates and tables, not code.

Nothing that failed is a 2xx: the default mapping is 500, and only an answer that proves a success is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.library.constructs.mappings.problem import (
    BROKEN,
    PAYLOAD_LIMIT_BYTES,
    PROBLEM_MEDIA_TYPE,
    RETRY_AFTER_SECONDS,
    UNAVAILABLE,
    UPSTREAM,
    Problem,
    too_large,
)
from services.library.constructs.mappings.request_name import over_the_limit_template

Failures = Sequence[tuple[tuple[str, ...], Problem]]
"""A service's error types and the problem that each is mapped to; every other type is mapped to a 500."""
RETRY_HEADER = {"method.response.header.Retry-After": f"'{RETRY_AFTER_SECONDS}'"}
PROBLEM_HEADER = {"method.response.header.Content-Type": f"'{PROBLEM_MEDIA_TYPE}'"}


@dataclass(frozen=True, kw_only=True)
class IntegrationResponse:
    """One integration response. API Gateway chooses it by the service's HTTP status, the whole of which must match."""

    status: int
    pattern: str | None
    """None is the default mapping, for every status that no pattern matches."""
    template: str
    parameters: dict[str, str] = field(default_factory=dict)
    """Response parameters: header mapping -> value."""


def responses(succeeded: IntegrationResponse, refused: str) -> tuple[IntegrationResponse, ...]:
    """Return every integration response, one for each status; `refused` is the template for a 4xx of the service."""
    return (
        succeeded,
        IntegrationResponse(status=400, pattern=r"4\d{2}", template=refused, parameters=PROBLEM_HEADER),
        IntegrationResponse(
            status=503, pattern="503", template=UNAVAILABLE.body(), parameters=PROBLEM_HEADER | RETRY_HEADER
        ),
        IntegrationResponse(
            status=502, pattern=r"5(?!03)\d{2}", template=UPSTREAM.body(), parameters=PROBLEM_HEADER | RETRY_HEADER
        ),
        IntegrationResponse(status=500, pattern=None, template=BROKEN.body(), parameters=PROBLEM_HEADER),
    )


def refused_template(
    failures: Failures,
    *,
    type_path: str,
    message_path: str,
    too_large_types: str,
    limit_bytes: int = PAYLOAD_LIMIT_BYTES,
) -> str:
    """Return the template for an error of the service, whose type decides the status.

    The type may have its namespace (`com.amazonaws.swf.service.v2.model#Type`).

    `too_large_types` is a pattern of the types that a payload over the limit may have.
    """
    text = (
        f"#set($type = \"\")\n#set($type = $input.path('{type_path}'))\n"
        "#set($type = $type.replaceAll('^.*[#.]', \"\"))\n"
        f"#set($message = \"\")\n#set($message = $input.path('{message_path}'))\n"
        "#if($message == \"\")\n#set($message = $input.path('$.Message'))\n#end\n"
        + over_the_limit_template(limit_bytes)
        + f"#if($message.matches('(?s).*({limit_bytes}|262144|too large|size limit|maximum size|shorter than).*'))\n"
        + "#set($large = true)\n#end\n"
        + f"#if($large && $type.matches('{too_large_types}'))\n"
        + overriding(too_large(limit_bytes))
    )
    for types, problem in failures:
        text += f"#elseif($type.matches('{'|'.join(types)}'))\n" + overriding(problem)
    return text + "#else\n" + overriding(BROKEN) + "#end\n"


def overriding(problem: Problem) -> str:
    """Return Velocity that responds with a problem in place of the integration response's own status."""
    retry = f'#set($context.responseOverride.header.Retry-After = "{RETRY_AFTER_SECONDS}")\n' if problem.retry else ""
    return f"#set($context.responseOverride.status = {problem.status})\n{retry}{problem.body()}\n"


def overriding_a_success(problem: Problem) -> str:
    """Return Velocity that responds with a problem in place of a success, whose media type is another."""
    return f'#set($context.responseOverride.header.Content-Type = "{PROBLEM_MEDIA_TYPE}")\n{overriding(problem)}'


def response_statuses(answered: Sequence[IntegrationResponse], overriding_: Sequence[Problem]) -> tuple[int, ...]:
    """Return every status that a method may respond with, for its method responses."""
    return tuple(sorted({answer.status for answer in answered} | {problem.status for problem in overriding_}))
