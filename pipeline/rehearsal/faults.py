"""What is to go wrong in a rehearsal, as somebody types it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from pipeline.operate.errors import OperateError

GATE = "gate"
TIME = re.compile(r"(?:(?P<hours>\d{1,3})h)?(?:(?P<minutes>\d{1,4})m)?")
ALLOWED = (
    "deployment=SERVICE, action=NAME, ALARM@gate, ALARM@TIME, error-rate=PERCENT%@TIME or update@TIME, with a TIME into"
    " the bake such as 9h"
)
UPDATE = "update"


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

    at: timedelta
    """Into the bake."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringAlarm:
    """An alarm fires."""

    alarm: str
    at: timedelta | None
    """Into the bake; None: before the gate judges."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorRate:
    """So many of a hundred requests fail, of each part of each service that has a release alarm."""

    percent: float
    at: timedelta
    """Into the bake."""


Fault = FailedDeployment | FailedAction | FiringAlarm | ErrorRate | PipelineUpdate


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
    at = None if when == GATE else _time(given, when)
    rate = re.fullmatch(r"error-rate=(\d{1,2}(?:\.\d+)?|100)%", what)
    if rate and at is not None:
        return ErrorRate(percent=float(rate[1]), at=at)
    if what == UPDATE and at is not None:
        return PipelineUpdate(at=at)
    if not what or "=" in what or what == UPDATE:
        raise _refused(given)
    return FiringAlarm(alarm=what, at=at)


def _time(given: str, when: str) -> timedelta:
    found = TIME.fullmatch(when)
    if not when or found is None:
        raise _refused(given)
    return timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))


def _refused(given: str) -> OperateError:
    return OperateError(f"--fault {given!r} is not allowed; give {ALLOWED}.")
