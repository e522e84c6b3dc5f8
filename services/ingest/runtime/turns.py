"""Whose turn it is to write a resource: decided by what was written, and by who is about to write what."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from .change import AnotherPatient


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What is known of one resource's writers. Records are known by where they came: `position` of their sequence."""

    patient: str | None = None
    """Whose it is, once somebody wrote it or is about to."""
    written: str = ""
    """The newest record that wrote it."""
    waiting: Mapping[str, str] = field(default_factory=dict)
    """Records that took a turn and have not said what became of it -> digest of what each wants to write."""

    def take(self, came_at: str, *, patient: str, wanted: str, found: str | None) -> Self | None:
        """With the record's turn; None if it wrote, or something newer did. `found` is the digest of what is there now.

        A record that wrote and is tried again for what comes after would write over what others changed meanwhile.
        """
        if self.patient not in {None, patient}:
            raise AnotherPatient
        newer_is_there = any(at > came_at and digest == found for at, digest in self.waiting.items())
        has_written = self.written == came_at and came_at not in self.waiting
        if self.written > came_at or has_written or newer_is_there:
            return None
        return replace(self, patient=patient, waiting={**self.waiting, came_at: wanted})

    def wrote(self, came_at: str) -> Self:
        """After the record was written: whoever came before it has no turn any more."""
        written = max(self.written, came_at)
        return replace(self, written=written, waiting={at: it for at, it in self.waiting.items() if at > written})

    def without(self, came_at: str) -> Self:
        """After the record was refused for good."""
        waiting = {at: digest for at, digest in self.waiting.items() if at != came_at}
        return replace(self, waiting=waiting, patient=self.patient if waiting or self.written else None)
