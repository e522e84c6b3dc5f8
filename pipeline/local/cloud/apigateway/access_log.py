"""A stage's access log, in CloudWatch Logs and in the stage's own format.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
"""

import re

from pipeline.local.cloud.apigateway.request_context import RequestContext
from pipeline.local.cloud.apigateway.variables import select
from pipeline.local.cloud.emulator import Emulator

_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z][A-Za-z0-9]*)+)")


def write(emulator: Emulator, request_context: RequestContext, *, status: int, length: int) -> None:
    """Write one line for one answered request, if the stage has an access log."""
    settings = request_context.stage.get("accessLogSettings") or {}
    format_, destination = settings.get("format"), settings.get("destinationArn")
    if not (format_ and destination):
        return
    context = request_context.context(status=status, length=length)

    def value(variable: re.Match[str]) -> str:
        found = select(context, "$" + variable[1])
        return str(found) if isinstance(found, str | int) and found != "" else "-"

    group = destination.partition(":log-group:")[2].removesuffix(":*")
    with emulator.within(request_context.account, request_context.region):
        stream = f"{request_context.api_id}_{request_context.stage_name}"
        emulator.write_log(group, stream, _VARIABLE.sub(value, format_))
