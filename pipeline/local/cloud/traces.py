"""Which trace the work of this moment belongs to: one service of the cloud hands it to the next in X-Ray's header."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_header: ContextVar[str | None] = ContextVar("trace", default=None)


@contextmanager
def belonging_to(header: str | None) -> Iterator[None]:
    """Let what is done in it, and in threads that copy its context, belong to this trace."""
    token = _header.set(header)
    try:
        yield
    finally:
        _header.reset(token)


def for_invocation() -> str | None:
    """Return the header that a function is invoked with because of it: a place of its own in the same trace."""
    header = _header.get()
    root = next((part for part in (header or "").split(";") if part.startswith("Root=")), None)
    return f"{root};Parent={secrets.token_hex(8)};Sampled=1" if root else None
