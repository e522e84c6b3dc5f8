"""How a synth ends at a team's mistake: with a sentence and its line, not with a traceback through the CDK."""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from stages.validation import InvalidCatalogueError
from stages.written import relative


@contextlib.contextmanager
def told() -> Iterator[None]:
    """End with sentences for what stages and services did wrong; with a traceback for what the platform did."""
    try:
        yield
    except InvalidCatalogueError as error:
        sys.exit(str(error))
    except Exception as error:
        place = _place(error)
        if place is None:
            raise
        sys.exit(f"{place}: {_said(error)}")


def _place(error: BaseException) -> str | None:
    """The innermost line of a stage's or a service's own, through which the error came."""
    frames = [
        (Path(path), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if (path := relative(Path(frame.filename))).startswith(("services/", "stages/"))
    ]
    own = [
        (file, line)
        for file, line in frames
        if file.parts[:2] != ("services", "library") and (file.parts[0] == "services" or file.stem not in _MACHINERY)
    ]
    return f"{own[-1][0].as_posix()}:{own[-1][1]}" if own else None


def _said(error: Exception) -> str:
    text = str(error).strip()
    if isinstance(error, ValueError):
        return text
    # The CDK's own errors come through jsii, with its type in front.
    said = text.rpartition("@jsii/kernel.RuntimeError: ")[2]
    return said.splitlines()[0] if said != text and said else f"{type(error).__name__}: {text}"


_MACHINERY = frozenset({"entries", "ledger", "mistakes", "model", "problem", "unread", "validation", "written"})
"""Modules of `stages` that teams do not write."""
