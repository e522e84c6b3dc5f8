"""What is to happen in a release that is rehearsed, and when: at its gate, in its approval, in a shift, in a bake."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pipeline.local.client import CLOCK, ask
from pipeline.operate import logs
from pipeline.operate.errors import OperateError
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import IN_PROGRESS, NOT_STARTED, Action, Run
from pipeline.rehearsal import pipeline_update
from pipeline.rehearsal.faults import ErrorRate, FiringAlarm, Phase, TimedFault
from pipeline.rehearsal.traffic import MINUTE, Shift, Traffic, TrafficChange
from pipeline.rehearsal.watched_stage import WatchedStage
from services.library.contract.names import BAKE_PREFIX

USUAL = 3_600.0
"""How many seconds of a release's waiting pass in a real one unless told otherwise (pipeline/local/cloud/clock.py)."""
SHIFT_SECONDS = 20.0
"""How long a shift takes here if something is to go wrong in it: alarms go by the real clock."""
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
    faults: Sequence[TimedFault] = ()
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
        return bool(self.freeze_until or not self.has_traffic or any(not _is_in_shift(each) for each in self.faults))


@dataclass(kw_only=True)
class Conductor:
    """Has a script happen while a run is followed."""

    script: Script
    watched: WatchedStage
    traffic: Traffic
    show: Callable[[TrafficChange], None]
    """Is given what happens to the traffic."""
    bake_rate: float
    """How many seconds of a bake pass in a real one."""
    _has_traffic: bool = field(default=False, init=False)
    """Whether the bake has had its requests."""
    _pending: list[TimedFault] = field(default_factory=list, init=False)
    _fired: list[Shift] = field(default_factory=list, init=False)
    """Shifts whose alarms fire."""
    _rate: float = field(default=USUAL, init=False)
    """How fast the clock goes now."""
    _is_at: bool = field(default=False, init=False)
    """Whether the clock says what the script says."""

    def begin(self) -> None:
        """Let happen what is so before the gate judges.

        Raises:
            OperateError: if the script names an alarm, or an alias, that the stage does not have.
        """
        self.watched.add_blockers()
        for fault in self.script.faults:
            self._require(fault)
            if isinstance(fault, FiringAlarm) and fault.at.phase is Phase.GATE:
                self.watched.fire(fault.alarm)
            else:
                self._pending.append(fault)
        if self.traffic.aliases:
            self.traffic.begin(self.watched.pipeline.read())
        self._rate = self._rate_of_shifts() if self.traffic.aliases else self.bake_rate
        self._set_clock(timedelta())

    def roll_back(self) -> None:
        """Let end what the release was stopped by: the stage is what it was before."""
        self._has_traffic = False
        self._pending.clear()
        self.traffic.recover()
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
            self.end_judgement()
        for change in self.traffic.look(run, rate=self._rate):
            self.show(change)
        self._look_at_shifts()
        self._follow_the_clock(run)
        baked = self._baked(run)
        if baked is not None:
            self._look_at_bake(baked)

    def _look_at_shifts(self) -> None:
        for fault in [each for each in self._pending if _is_in_shift(each)]:
            due = [each for each in self.traffic.under_way if each.lasted >= fault.at.after]
            match fault:
                case ErrorRate(percent=percent):
                    for shift in due:
                        self.traffic.request(shift.alias, MANY, percent_failing=percent)
                case FiringAlarm(alarm=alarm) if meant := self.traffic.named(alarm):
                    self._fire([each for each in due if each.alias in meant][:1])
                    if any(each.went_back is not None for each in self._fired):
                        self._pending.remove(fault)
                case _ if due:
                    self._happen(fault)

    def _happen(self, fault: TimedFault) -> None:
        """Let happen what happens once."""
        self._pending.remove(fault)
        if isinstance(fault, FiringAlarm):
            self.watched.fire(fault.alarm)
        else:
            pipeline_update.update(self.watched.pipeline)

    def _fire(self, shifts: Sequence[Shift]) -> None:
        """Let the alarms of shifts fire, again and again: an alarm without data is soon over."""
        for shift in shifts:
            if shift not in self._fired:
                self._fired.append(shift)
                said = f"its alarm fires, {shift.lasted // MINUTE} min into the shift"
                self.show(TrafficChange(alias=shift.alias.name, said=said))
            self.traffic.fire(shift.alias)

    def _look_at_bake(self, baked: timedelta) -> None:
        if self.script.has_traffic and not self._has_traffic:
            self._has_traffic = True
            self.watched.request(self.watched.requests)
        for fault in [*self._pending]:
            if isinstance(fault, ErrorRate) and (_is_in_shift(fault) or fault.at.after <= baked):
                self.watched.request(MANY, percent_failing=fault.percent)  # goes on until the release ends
            elif not _is_in_shift(fault) and fault.at.after <= baked:
                self._happen(fault)

    def _require(self, fault: TimedFault) -> None:
        """Refuse what the stage knows nothing of, or what would never happen."""
        alarms = self.watched.alarms
        if _is_in_shift(fault):
            self.traffic.require(fault.alarm if isinstance(fault, FiringAlarm) else None, fault.at.after, others=alarms)
        elif isinstance(fault, FiringAlarm):
            self.watched.require(fault.alarm)

    def _rate_of_shifts(self) -> float:
        """Return how fast shifts go: so that they are seen if something is to go wrong in them."""
        if not any(map(_is_in_shift, self._pending)):
            return USUAL
        minutes = max(each.minutes for each in self.traffic.aliases)
        return max(minutes * MINUTE.total_seconds() / SHIFT_SECONDS, 1.0)

    def _follow_the_clock(self, run: Run) -> None:
        """Let the clock go as fast as the shifts need, and then as the bake does."""
        if not self.traffic.aliases:
            return
        rate = self.bake_rate if self.traffic.is_over(run) else self._rate_of_shifts()
        if rate != self._rate:
            self._rate = rate
            self._set_clock(timedelta())

    def _begin_judgement(self) -> None:
        """Let it be the script's time for the gate alone: other programs take a wrong date for a wrong signature."""
        if self.script.at is not None and not self._is_at:
            self._is_at = True
            self._set_clock(self.script.at - datetime.now(UTC))

    def end_judgement(self) -> None:
        """Let it be now again. A run that was rejected, or that ended otherwise, comes to no judgement."""
        self._is_at = False
        self._set_clock(timedelta())

    def _set_clock(self, ahead: timedelta) -> None:
        asked = {"rate": self._rate, "ahead_seconds": ahead.total_seconds()}
        ask(self.watched.cloud.port, CLOCK, asked, of="clock")

    def _baked(self, run: Run) -> timedelta | None:
        """Return how far the bake is, by its own log; None if the run does not bake."""
        for action in run.actions:
            if action.name.startswith(BAKE_PREFIX) and action.status == IN_PROGRESS:
                return _baked(self.watched.pipeline, action)
        return None


def _is_in_shift(fault: TimedFault) -> bool:
    return fault.at.phase is Phase.SHIFT


def _baked(pipeline: Pipeline, action: Action) -> timedelta | None:
    try:
        printed = "\n".join(logs.lines(pipeline, action))
    except OperateError:
        return None  # its build has printed nothing yet
    if not BAKES.search(printed):
        return None
    hours, minutes = (PROGRESS.findall(printed) or [("", "0")])[-1]
    return timedelta(hours=int(hours or 0), minutes=int(minutes))
