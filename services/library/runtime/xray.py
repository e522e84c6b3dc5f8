"""Spans for X-Ray, as documents to the daemon that Lambda runs beside a function with active tracing.

It is one UDP packet for each span, so tracing costs no dependency and no time, and a packet that is lost costs a span.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .trace import TraceContext

DAEMON = "AWS_XRAY_DAEMON_ADDRESS"
TRACE = "_X_AMZN_TRACE_ID"
"""Lambda sets it anew for each invocation."""
HEADER = b'{"format": "json", "version": 1}\n'

_trace: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def invocation() -> TraceContext | None:
    """Return the place in a trace that Lambda gave this invocation."""
    return TraceContext.from_xray(os.environ.get(TRACE))


@dataclass
class XRaySpan:
    """One attempt of a call."""

    context: TraceContext
    status: int | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers in both formats, with X-Ray's own trace id."""
        return self.context.headers

    def answered(self, status: int) -> None:
        """Note the status of the response."""
        self.status = status


class XRayTracing:
    """Sends each finished span to the daemon."""

    @contextmanager
    def call(self, method: str, url: str, *, attempt: int) -> Iterator[XRaySpan]:
        """Open a subsegment around one attempt."""
        parent = _trace.get() or invocation() or TraceContext.new(sampled=False)
        span = XRaySpan(parent.child())
        began = time.time()
        failure: str | None = None
        try:
            yield span
        except BaseException as error:
            failure = type(error).__name__
            raise
        finally:
            if span.context.sampled:
                _send(_document(span, parent, method, url, attempt, began, failure))

    @contextmanager
    def continuing(self, trace: TraceContext | None) -> Iterator[None]:
        """Continue a trace that came with the work. If it is the invocation's own, Lambda's segment is the parent."""
        own = invocation()
        token = _trace.set(own if own and trace and own.trace_id == trace.trace_id else trace)
        try:
            yield
        finally:
            _trace.reset(token)


def _document(
    span: XRaySpan, parent: TraceContext, method: str, url: str, attempt: int, began: float, failure: str | None
) -> dict[str, Any]:
    answer = {} if span.status is None else {"response": {"status": span.status}}
    document: dict[str, Any] = {
        "name": urlsplit(url).hostname or "unknown",
        "id": f"{span.context.span_id:016x}",
        "trace_id": span.context.xray_id,
        "parent_id": f"{parent.span_id:016x}",
        "type": "subsegment",
        "namespace": "remote",
        "start_time": began,
        "end_time": time.time(),
        "http": {"request": {"method": method, "url": url}, **answer},
        "annotations": {"resource": f"{method} {url}", "attempt": attempt},
        "throttle": span.status == 429,
        "error": span.status is not None and 400 <= span.status < 500,
        "fault": span.status is None or span.status >= 500,
    }
    if failure is not None:
        document["cause"] = {"exceptions": [{"id": f"{span.context.span_id:016x}", "type": failure}]}
    return document


def _send(document: dict[str, Any]) -> None:
    host, _, port = os.environ.get(DAEMON, "").rpartition(":")
    if not host:
        return
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.setblocking(False)
        connection.sendto(HEADER + json.dumps(document).encode(), (host, int(port)))
