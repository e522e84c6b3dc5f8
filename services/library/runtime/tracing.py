"""Spans of outgoing calls: a small protocol, so that the client knows none of those who collect them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


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
