"""The order of writes to one resource: which record may write it, by what was written and what is about to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from .change import AnotherPatient


@dataclass(frozen=True, kw_only=True)
class WriteOrder:
    """The writers of one resource. A record is identified by `came_at`, the `position` of its sequence number."""

    patient: str | None = None
    """The patient whose resource it is, once a record wrote it or reserved a write."""
    written: str = ""
    """The newest record that wrote the resource."""
    waiting: Mapping[str, str] = field(default_factory=dict)
    """Records with an open reservation -> digest of what each wants to write."""

    def reserve(self, came_at: str, *, patient: str, wanted: str, found: str | None) -> Self | None:
        """Return the order with the record's reservation; None if the record, or a newer one, has written.

        `found` is the digest of what the datastore has now. A record that wrote and is tried again for what comes after
        would overwrite what others changed meanwhile. Raises AnotherPatient.
        """
        if self.patient not in {None, patient}:
            raise AnotherPatient
        newer_is_there = any(at > came_at and digest == found for at, digest in self.waiting.items())
        has_written = self.written == came_at and came_at not in self.waiting
        if self.written > came_at or has_written or newer_is_there:
            return None
        return replace(self, patient=patient, waiting={**self.waiting, came_at: wanted})

    def complete(self, came_at: str) -> Self:
        """Return the order after the record wrote: reservations of earlier records are void."""
        written = max(self.written, came_at)
        return replace(self, written=written, waiting={at: it for at, it in self.waiting.items() if at > written})

    def cancel(self, came_at: str) -> Self:
        """Return the order without the reservation of a record that was refused for good."""
        waiting = {at: digest for at, digest in self.waiting.items() if at != came_at}
        return replace(self, waiting=waiting, patient=self.patient if waiting or self.written else None)
