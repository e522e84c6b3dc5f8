"""X-Ray, as far as our functions use it.

Emulated: the daemon beside functions, PutTraceSegments, BatchGetTraces, GetTraceSummaries by time. The newest spans are
kept in memory, those of all accounts together, because the daemon does not say whose they are.
Not emulated: segments of API Gateway, Step Functions and Lambda; groups and sampling rules; filters; insights.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Answer the API, and let functions find the daemon."""
    from pipeline.local.cloud.xray import daemon
    from pipeline.local.cloud.xray.api import Spans

    spans = Spans()
    emulator.function_environment["AWS_XRAY_DAEMON_ADDRESS"] = daemon.start(spans)
    emulator.serve_rest_api("xray", spans.operations())
