"""Spans of outgoing calls, and the trace that a function works for: the protocol between client and collectors."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Protocol

from .trace import TraceContext
from .xray import XRayTracing, invocation

DATADOG_HANDLER = "DD_LAMBDA_HANDLER"
"""Set by the construct together with Datadog's layers, and by nothing else."""


class Span(Protocol):
    """One attempt of an outgoing call, while it lasts."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers that carry the trace to the other side."""

    def answered(self, status: int) -> None:
        """Note the status of the response."""


class Tracing(Protocol):
    """Whoever collects spans."""

    def call(self, method: str, url: str, *, attempt: int) -> AbstractContextManager[Span]:
        """Open a span around one attempt, which notes the type of an exception. `url`: as it may be shown."""

    def continuing(self, trace: TraceContext | None) -> AbstractContextManager[None]:
        """Continue the trace that came with the work; None: the invocation's own."""


class NoSpan:
    """Says nothing to anybody."""

    headers: Mapping[str, str] = {}

    def answered(self, status: int) -> None:
        """Nothing."""


class NoTracing:
    """Collects nothing."""

    def call(self, method: str, url: str, *, attempt: int) -> AbstractContextManager[Span]:
        """Open a span that is not sent."""
        del method, url, attempt
        return nullcontext(NoSpan())

    def continuing(self, trace: TraceContext | None) -> AbstractContextManager[None]:
        """Change nothing."""
        del trace
        return nullcontext()


@cache
def of_this_function() -> Tracing:
    """Return the tracing that the function was deployed with: Datadog's if its stage entry says so, else X-Ray's."""
    if DATADOG_HANDLER in os.environ:
        from .datadog import DatadogTracing  # noqa: PLC0415 - Datadog's layer is not there otherwise

        return DatadogTracing()
    return XRayTracing()


def current() -> TraceContext | None:
    """Return this invocation's place in its trace, to be handed on with work that is done later."""
    return invocation()
