"""The saga of one change: hold, fetch, apply; and what undoes it, as often as it is called and once in effect."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from services.library.runtime.aws_errors import Busy
from services.library.runtime.resilience import Deadline

from .change import Work

ASK_ATTEMPTS = 3
"""Questions to the partner within one call, if other executions store an answer meanwhile."""


class Compensated(Exception):  # noqa: N818 - the workflow knows it by this name
    """This execution was undone before, so that it must not be applied any more."""


class SagaOutcome(Enum):
    """The result of one call of a saga."""

    APPLIED = "APPLIED"
    """Now."""
    APPLIED_BEFORE = "APPLIED_BEFORE"
    """By an earlier call, or by another execution for the same change."""
    ELSEWHERE = "ELSEWHERE"
    """Another execution is at it, and sees to it."""
    RELEASED = "RELEASED"
    """Undone, now."""
    NOTHING = "NOTHING"
    """There was nothing to undo, or it was undone before."""


class HoldResult(Enum):
    """The result of holding a change for an execution."""

    HELD = "HELD"
    APPLIED = "APPLIED"
    ELSEWHERE = "ELSEWHERE"


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Who pays for a patient: what the partner knows and our events leave out."""

    payer: str
    member: str
    active: bool


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is stored of a patient as the partner is asked."""

    answers: int
    """How many were kept."""
    pending: frozenset[str]
    """The changes that an answer from now on speaks for."""


class Partner(Protocol):
    """The system that knows."""

    def coverage(self, patient: str, deadline: Deadline) -> Coverage | None:
        """Return what the partner knows of a patient; None if it does not know the patient."""


class Store(Protocol):
    """What is remembered of changes and patients. Each method is one step that happens whole or not at all."""

    def hold(self, work: Work) -> HoldResult:
        """Take the change for this execution. Raises Compensated if this execution was undone."""

    def look(self, work: Work) -> Seen:
        """Return what is stored of the patient now."""

    def apply(self, work: Work, coverage: Coverage | None, seen: Seen) -> SagaOutcome | None:
        """Keep what was fetched after that was seen, if the execution still holds the change.

        An answer that others kept meanwhile stays. If it speaks for this change, too, that is all that is to be done;
        otherwise None: ask again. Raises Compensated if the execution does not hold the change.
        """

    def release(self, work: Work) -> bool:
        """Undo whatever this execution did, and bar what it may still do. Whether that had an effect now."""


@dataclass(frozen=True, kw_only=True)
class Saga:
    """Enriches changes."""

    partner: Partner
    store: Store

    def enrich(self, work: Work, deadline: Deadline) -> SagaOutcome:
        """Hold the change, ask the partner, apply the answer.

        A call that was killed anywhere is called again: before the effect it goes on, after the effect it finds it. Two
        answers about one patient cannot be told apart by their age, so one is kept only over those that were kept
        before it was asked for.
        """
        held = self.store.hold(work)
        if held is HoldResult.APPLIED:
            return SagaOutcome.APPLIED_BEFORE
        if held is HoldResult.ELSEWHERE:
            return SagaOutcome.ELSEWHERE
        for _ in range(ASK_ATTEMPTS):
            seen = self.store.look(work)
            outcome = self.store.apply(work, self.partner.coverage(work.patient, deadline), seen)
            if outcome is not None:
                return outcome
        raise Busy("others were answered each time")


def compensate(store: Store, work: Work) -> SagaOutcome:
    """Undo whatever the execution did for the change, as often as it is called and once in effect."""
    return SagaOutcome.RELEASED if store.release(work) else SagaOutcome.NOTHING
