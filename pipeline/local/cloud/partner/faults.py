"""What a partner system can do wrong, on demand."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

SENTENCE = (
    'give {"kind": one of %s, "times": 1 or more, "seconds": 0 or more, "status": 100 to 599, "retry_after": seconds,'
    ' "path": a part of the paths that it is for}; everything but the kind may be left out'
)


class Kind(Enum):
    """One way to fail."""

    STATUS = "status"
    """Answers with a status, 503 unless another is given."""
    SLOW = "slow"
    """Answers well, after so many seconds."""
    SILENT = "silent"
    """Takes the request and says nothing, for so many seconds."""
    RESET = "reset"
    """Resets the connection in the place of an answer."""
    BROKEN = "broken"
    """Resets the connection after half of the answer."""
    TRUNCATED = "truncated"
    """Ends the connection after half of the answer that it announced."""
    TRICKLE = "trickle"
    """Sends the answer byte by byte, so many seconds in all."""
    OVERSIZED = "oversized"
    """Answers with more than anybody wants to read, without saying how much."""
    COMPRESSED = "compressed"
    """Answers in gzip, which nobody asked for."""
    GARBAGE = "garbage"
    """Answers with something that is not HTTP."""
    NOT_JSON = "not_json"
    """Answers with half of a JSON document, and says that it is one."""


class FaultError(Exception):
    """A fault was asked for that there is not; the text is for who asked."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Goes wrong for the next requests."""

    kind: Kind
    times: int = 1
    seconds: float = 1.0
    status: int = 503
    retry_after: int | None = None
    path: str = ""
    """For requests alone that have this in their path."""

    @classmethod
    def of(cls, document: Any) -> "Fault":
        """Read what was posted."""
        sentence = SENTENCE % ", ".join(kind.value for kind in Kind)
        if not isinstance(document, dict) or document.keys() - cls.__dataclass_fields__.keys():
            raise FaultError(sentence)
        try:
            fault = cls(**{**document, "kind": Kind(document.get("kind"))})
            fine = fault.times >= 1 and fault.seconds >= 0 and 100 <= fault.status <= 599
        except (TypeError, ValueError):
            raise FaultError(sentence) from None
        if not fine:
            raise FaultError(sentence)
        return fault


@dataclass(kw_only=True)
class Faults:
    """What is still to go wrong."""

    waiting: list[tuple[Fault, int]] = field(default_factory=list)
    """Each with how often."""

    def add(self, fault: Fault) -> None:
        """Plan one more."""
        self.waiting.append((fault, fault.times))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.waiting.clear()

    def take(self, path: str) -> Fault | None:
        """Return what goes wrong for the request that is here now: the first that is for its path."""
        for position, (fault, times) in enumerate(self.waiting):
            if fault.path in path:
                self.waiting[position : position + 1] = [(fault, times - 1)] if times > 1 else []
                return fault
        return None
