"""What is to happen in a release that is rehearsed, and when: at its gate, at its approval, hours into its bake."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pipeline.local.client import CLOCK, ask
from pipeline.operate import logs
from pipeline.operate.errors import OperateError
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import IN_PROGRESS, NOT_STARTED, Action, Run
from pipeline.rehearsal import pipeline_update
from pipeline.rehearsal.faults import ErrorRate, FiringAlarm, PipelineUpdate
from pipeline.rehearsal.watched_stage import WatchedStage
from services.library.contract.names import BAKE_PREFIX

MANY = 1_000
"""Requests beside which the others do not count."""
CHECK = "Check-"
"""How the action of the gate begins that judges."""
BAKES = re.compile(r" bakes for \d+ minutes")
"""What the log of a bake says once it does."""
PROGRESS = re.compile(r"(?:(\d+) h )?(\d+) min into the bake")
"""How its log says how far it is (pipeline/builds/release_bake.py)."""


class Answer(StrEnum):
    """What the rehearsal says to the stage's approval."""

    APPROVE = "approve"
    REJECT = "reject"
    NONE = "none"
    """Nobody answers, until it has waited long enough."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What happens in one release."""

    answer: Answer = Answer.APPROVE
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Templates that are others in this release, by file."""
    faults: Sequence[FiringAlarm | ErrorRate | PipelineUpdate] = ()
    failing: Sequence[str] = ()
    """Actions of the stage, or of its gate, that fail."""
    is_updated_before: bool = False
    """Whether the pipeline was updated since the release before, so that there is none to go back to."""
    has_traffic: bool = True
    """Whether services get the requests that the bake wants."""
    freeze_until: datetime | None = None
    """The end of a freeze that begins while the release waits for its approval."""
    at: datetime | None = None
    """When the gate judges, by the cloud's clock; None: now."""

    @property
    def is_about_the_release_rules(self) -> bool:
        """Whether something in it needs a gate or a bake that looks at rules."""
        return bool(self.faults or self.freeze_until or not self.has_traffic)


@dataclass(kw_only=True)
class Conductor:
    """Has a script happen while a run is followed. `rate`: how many seconds of waiting pass in a real one."""

    script: Script
    watched: WatchedStage
    rate: float
    _has_traffic: bool = field(default=False, init=False)
    """Whether the bake has had its requests."""
    _pending: list[FiringAlarm | ErrorRate | PipelineUpdate] = field(default_factory=list, init=False)
    _is_at: bool = field(default=False, init=False)
    """Whether the clock says what the script says."""

    def begin(self) -> None:
        """Let happen what is so before the gate judges."""
        self._set_clock(timedelta())
        self.watched.add_blockers()
        for fault in self.script.faults:
            if isinstance(fault, FiringAlarm) and fault.at is None:
                self.watched.fire(fault.alarm)
            else:
                self._pending.append(fault)

    def roll_back(self) -> None:
        """Let end what the release was stopped by: the stage is what it was before."""
        self._has_traffic = False
        self._pending.clear()
        self.watched.recover()

    def at_approval(self) -> None:
        """Let happen what happens while the run waits for its approval."""
        self._begin_judgement()
        if self.script.freeze_until is not None:
            self.watched.freeze(now=self.script.at or datetime.now(UTC), until=self.script.freeze_until)

    def look(self, run: Run) -> None:
        """Let happen what is due by now."""
        judgements = [each for each in run.actions if each.name.startswith(CHECK)]
        if any(each.status == IN_PROGRESS for each in judgements):
            self._begin_judgement()
        elif self._is_at and any(each.status != NOT_STARTED for each in judgements):
            self._end_judgement()
        baked = self._baked(run)
        if baked is None:
            return
        if self.script.has_traffic and not self._has_traffic:
            self._has_traffic = True
            self.watched.request(self.watched.requests)
        for fault in [each for each in self._pending if each.at is not None and each.at <= baked]:
            if isinstance(fault, FiringAlarm):
                self._pending.remove(fault)
                self.watched.fire(fault.alarm)
            elif isinstance(fault, PipelineUpdate):
                self._pending.remove(fault)
                pipeline_update.update(self.watched.pipeline)
            else:  # goes on until the release ends
                self.watched.request(MANY, percent_failing=fault.percent)

    def _begin_judgement(self) -> None:
        """Let it be the script's time for the gate alone: other programs take a wrong date for a wrong signature."""
        if self.script.at is not None and not self._is_at:
            self._is_at = True
            self._set_clock(self.script.at - datetime.now(UTC))

    def _end_judgement(self) -> None:
        self._is_at = False
        self._set_clock(timedelta())

    def _set_clock(self, ahead: timedelta) -> None:
        asked = {"rate": self.rate, "ahead_seconds": ahead.total_seconds()}
        ask(self.watched.cloud.port, CLOCK, asked, of="clock")

    def _baked(self, run: Run) -> timedelta | None:
        """Return how far the bake is, by its own log; None if the run does not bake."""
        for action in run.actions:
            if action.name.startswith(BAKE_PREFIX) and action.status == IN_PROGRESS:
                return _baked(self.watched.pipeline, action)
        return None


def _baked(pipeline: Pipeline, action: Action) -> timedelta | None:
    try:
        printed = "\n".join(logs.lines(pipeline, action))
    except OperateError:
        return None  # its build has printed nothing yet
    if not BAKES.search(printed):
        return None
    hours, minutes = (PROGRESS.findall(printed) or [("", "0")])[-1]
    return timedelta(hours=int(hours or 0), minutes=int(minutes))
