"""Spans for Datadog, and what keeps personal data out of every span of a function, whoever made it.

The one module that imports ddtrace, which Datadog's layer brings: services.library.packaging knows it by name.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from ddtrace.propagation.http import HTTPPropagator
from ddtrace.trace import Context, Span, TraceFilter, tracer

from . import addresses, trace
from .trace import TraceContext
from .xray import invocation

COMPONENT = "penstock"
"""The tag `component` of our own spans, whose URL is fit to be shown already."""
ALLOWED = frozenset(
    (
        *("_dd.base_service", "_dd.origin", "_dd.p.dm", "_dd.p.ksr", "_dd.p.tid", "_dd.parent_id", "_dd.svc_src"),
        *("account_id", "architecture", "aws.agent", "aws.operation", "aws.partition", "aws.region", "aws.requestid"),
        *("aws.dynamodb.table_name", "aws.kinesis.stream_name", "aws.s3.bucket_name", "aws.sqs.queue_name"),
        *("aws_account", "aws_service", "bucketname", "cold_start", "component", "datadog_lambda", "dd_trace", "env"),
        *("error.message", "error.type", "function_arn", "function_trigger.event_source"),
        *("function_trigger.event_source_arn", "function_version", "functionname", "handler_name", "http.attempt"),
        *("http.method", "http.status_code", "http.url", "language", "memorysize", "out.host", "partition"),
        *("peer.service", "process_id", "queuename", "region", "request_id", "resource_names", "retry_attempts"),
        *("runtime-id", "service", "span.kind", "span.name", "span.type", "streamname", "tablename", "version"),
    )
)
"""Tags that may leave a function. A tag that somebody else's next version adds does not."""


class Discreet(TraceFilter):
    """Goes over each trace before it leaves: tags only by name, URLs only as they may be shown, no texts of errors."""

    def process_trace(self, trace: list[Span]) -> list[Span]:
        """Return the spans without what is not allowed. One with events is left out: ddtrace cannot remove events."""
        kept = [span for span in trace if not span._has_events()]  # noqa: SLF001 - it has no other way to ask either
        for span in kept:
            _hold_back(span)
        return kept


@cache
def be_discreet() -> None:
    """Filter every trace of this process from now on."""
    tracer.configure(trace_processors=[Discreet()])


def _hold_back(span: Span) -> None:
    tags = span.get_tags()
    if tags.get("component") != COMPONENT and (url := tags.get("http.url")) is not None:
        shown = addresses.public(url, ())
        span.set_tag("http.url", shown)
        span.resource = f"{tags.get('http.method', '')} {shown}".strip()
    elif span.span_type == "http" and tags.get("component") not in {COMPONENT, "botocore"}:
        span.resource = span.name
    numbers = {name for name in span.get_metrics() if not name.startswith("_")}
    for name in (tags.keys() | numbers) - ALLOWED:
        span.remove_tag(name)
    if "error.message" in tags:
        span.set_tag("error.message", tags.get("error.type", "error"))
    for name in list(span._get_meta_structs()):  # noqa: SLF001 - documents beside the tags, with no other way to them
        span._remove_struct_tag(name)  # noqa: SLF001 - as above


class DatadogSpan:
    """One attempt of a call."""

    def __init__(self, span: Span) -> None:
        self.span = span

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers in both formats, as Datadog's own propagator writes them."""
        written: dict[str, str] = {}
        HTTPPropagator.inject(self.span, written)
        return {name: value for name, value in written.items() if trace.NAMES.fullmatch(name) and name != "baggage"}

    def answered(self, status: int) -> None:
        """Note the status of the response."""
        self.span.set_tag("http.status_code", str(status))
        self.span.error = int(status >= 500)


class DatadogTracing:
    """Gives spans to ddtrace, which the datadog-lambda layer has set up."""

    def __init__(self) -> None:
        be_discreet()

    @contextmanager
    def call(self, method: str, url: str, *, attempt: int) -> Iterator[DatadogSpan]:
        """Open a span around one attempt."""
        span = tracer.trace("http.request", resource=f"{method} {url}", span_type="http")
        span.set_tags(
            {"component": COMPONENT, "span.kind": "client", "http.method": method, "http.url": url}
            | {"http.attempt": str(attempt)}
        )
        try:
            yield DatadogSpan(span)
        except BaseException as error:
            # Not set_exc_info, which takes texts and lines of code.
            span.error = 1
            span.set_tag("error.type", type(error).__name__)
            raise
        finally:
            span.finish()

    @contextmanager
    def continuing(self, trace: TraceContext | None) -> Iterator[None]:
        """Continue a trace that came with the work, unless that is the active one.

        It takes a span: of a mere context ddtrace lets go once the first span in it is finished.
        """
        before = tracer.context_provider.active()
        if trace is None or (before is not None and before.trace_id == trace.trace_id):
            yield
            return
        span = tracer.start_span("continued", child_of=_context(trace), activate=True)
        span.set_tag("component", COMPONENT)
        try:
            yield
        except BaseException as error:
            span.error = 1
            span.set_tag("error.type", type(error).__name__)
            raise
        finally:
            span.finish()
            tracer.context_provider.activate(before)


def extract(payload: Any, context: object) -> tuple[str, str, str]:
    """Return the trace that an invocation belongs to; datadog-lambda calls this, by DD_TRACE_EXTRACTOR.

    The one that came with the payload, as a field of it or of what it is about; or else the one that API Gateway or
    Step Functions began. It is asked before the first span, in every function, whether that calls anybody or not.
    """
    del context
    be_discreet()
    places = [payload, *payload.values()] if isinstance(payload, dict) else []
    carried = (TraceContext.from_traceparent(place.get("trace")) for place in places if isinstance(place, dict))
    found = next(filter(None, carried), None) or invocation() or TraceContext.new()
    return str(found.trace_id), str(found.span_id), str(int(found.sampled))


def _context(trace: TraceContext) -> Context:
    return Context(trace_id=trace.trace_id, span_id=trace.span_id, sampling_priority=int(trace.sampled))
