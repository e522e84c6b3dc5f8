"""What is to go wrong in a rehearsal, as somebody types it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from pipeline.operate.errors import OperateError

TIME = re.compile(r"(?:(?P<hours>\d{1,3})h)?(?:(?P<minutes>\d{1,4})m)?")
ALLOWED = (
    "deployment=SERVICE, action=NAME, ALARM@gate, ALARM@TIME, error-rate=PERCENT%@TIME or update@TIME, with a TIME into"
    " the bake such as 9h; alarms and error rates also into the shift of traffic, as in shift or shift+4m, where ALARM"
    " may be a service or its function, such as intake.Record"
)
UPDATE = "update"


class Phase(StrEnum):
    """A part of a release."""

    GATE = "gate"
    SHIFT = "shift"
    """While the traffic of an alias is shifted, within the deployment of its stack."""
    BAKE = "bake"


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """When something goes wrong."""

    phase: Phase
    after: timedelta = field(default_factory=timedelta)
    """Since the phase has begun; at the gate it is before that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedDeployment:
    """A service's stack fails after everything in it has been made or changed."""

    service: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedAction:
    """An action of the stage, or of its gate, fails: a probe, a command, a bake."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineUpdate:
    """A later commit's run updates the pipeline."""

    at: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringAlarm:
    """An alarm fires."""

    alarm: str
    """Its name; in a shift also the service, or the function or workflow, whose shift it stops."""
    at: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorRate:
    """So many of a hundred requests fail: in a shift those of the new versions, in the bake those of all services."""

    percent: float
    at: Moment


TimedFault = FiringAlarm | ErrorRate | PipelineUpdate
Fault = FailedDeployment | FailedAction | TimedFault


def parse(given: Iterable[str]) -> list[Fault]:
    """Return the faults that are meant.

    Raises:
        OperateError: for one that is none.
    """
    return [_parse(each) for each in given]


def _parse(given: str) -> Fault:
    what, at_sign, when = given.rpartition("@")
    if not at_sign:
        kind, _, name = given.partition("=")
        if kind == "deployment" and name:
            return FailedDeployment(service=name)
        if kind == "action" and name:
            return FailedAction(action=name)
        raise _refused(given)
    at = _moment(given, when)
    rate = re.fullmatch(r"error-rate=(\d{1,2}(?:\.\d+)?|100)%", what)
    if rate and at.phase is not Phase.GATE:
        return ErrorRate(percent=float(rate[1]), at=at)
    if what == UPDATE and at.phase is Phase.BAKE:
        return PipelineUpdate(at=at)
    if not what or "=" in what or what == UPDATE:
        raise _refused(given)
    return FiringAlarm(alarm=what, at=at)


def _moment(given: str, when: str) -> Moment:
    if when in (Phase.GATE, Phase.SHIFT):
        return Moment(phase=Phase(when))
    phase, plus, time = when.rpartition("+")
    found = TIME.fullmatch(time)
    if not time or found is None or phase not in ("", Phase.SHIFT) or bool(plus) != bool(phase):
        raise _refused(given)
    after = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
    return Moment(phase=Phase(phase or Phase.BAKE), after=after)


def _refused(given: str) -> OperateError:
    return OperateError(f"--fault {given!r} is not allowed; give {ALLOWED}.")
