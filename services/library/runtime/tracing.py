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
        """What tells the other side which trace this belongs to."""

    def answered(self, status: int) -> None:
        """There was an answer."""


class Tracing(Protocol):
    """Whoever collects spans."""

    def call(self, method: str, url: str, *, attempt: int) -> AbstractContextManager[Span]:
        """A span around one attempt; of an exception that leaves it, it keeps the type. `url`: as it may be shown."""

    def continuing(self, trace: TraceContext | None) -> AbstractContextManager[None]:
        """What happens in it belongs to this trace, which came with the work; None: to the invocation's own."""


class NoSpan:
    """Says nothing to anybody."""

    headers: Mapping[str, str] = {}

    def answered(self, status: int) -> None:
        """Nothing."""


class NoTracing:
    """Collects nothing."""

    def call(self, method: str, url: str, *, attempt: int) -> AbstractContextManager[Span]:
        """A span that nobody sees."""
        del method, url, attempt
        return nullcontext(NoSpan())

    def continuing(self, trace: TraceContext | None) -> AbstractContextManager[None]:
        """Nothing changes."""
        del trace
        return nullcontext()


@cache
def of_this_function() -> Tracing:
    """The tracing that the function was deployed with: Datadog's if its stage entry says so, and X-Ray's otherwise."""
    if DATADOG_HANDLER in os.environ:
        from .datadog import DatadogTracing  # noqa: PLC0415 - Datadog's layer is not there otherwise

        return DatadogTracing()
    return XRayTracing()


def current() -> TraceContext | None:
    """The place in a trace that this invocation is at, to be handed on with work that somebody else does later."""
    return invocation()
