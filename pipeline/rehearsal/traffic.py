"""How the traffic of a stage's aliases is shifted in the rehearsal's cloud, and what may go wrong meanwhile."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.logs import place_of_stack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import IN_PROGRESS, SUCCEEDED, Action, Run
from pipeline.rehearsal.shifted_aliases import FUNCTION_ALIAS, ShiftedAlias
from pipeline.rehearsal.watched_stage import REASON, outweigh_failures, put_requests

WHOLE = 100
MINUTE = timedelta(minutes=1)
Routes = Mapping[str, int]
"""Version -> its share in percent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrafficChange:
    """What happened to an alias, as a line of the timeline."""

    alias: str
    said: str


@dataclass(kw_only=True, slots=True)
class Shift:
    """One shift of an alias."""

    alias: ShiftedAlias
    old: str
    """The version that all of the traffic went to."""
    new: str
    lasted: timedelta = field(default_factory=timedelta)
    """By the cloud's clock, as far as it was seen."""
    went_back: bool | None = None
    """None while it is under way."""

    def to_json(self) -> dict[str, Any]:
        """Return what `penstock rehearse --json` prints."""
        return {
            "alias": self.alias.name,
            "stack": self.alias.stack,
            "from": self.old,
            "to": self.new,
            "minutes": self.lasted // MINUTE,
            "went_back": bool(self.went_back),
        }


@dataclass(kw_only=True)
class Traffic:
    """The aliases of one stage whose traffic is shifted."""

    cloud: LocalCloud
    pipeline: Pipeline
    aliases: Sequence[ShiftedAlias]
    shifts: list[Shift] = field(default_factory=list, init=False)
    """What was seen, in order."""
    _actions: dict[str, Action] = field(default_factory=dict, init=False)
    """Stack -> the action that deploys it, as it was last seen."""
    _routes: dict[ShiftedAlias, Routes] = field(default_factory=dict, init=False)
    _looked: float = field(default_factory=time.monotonic, init=False)

    def begin(self, run: Run) -> None:
        """See how things are before the release. `run`: any of the pipeline, which tells where the stacks are."""
        self._note_actions(run)
        self._routes = {alias: self._read(alias) for alias in self.aliases}

    def is_over(self, run: Run) -> bool:
        """Return whether every stack with a shifted alias has been deployed in a run."""
        stacks = {alias.stack for alias in self.aliases}
        return all(each.status == SUCCEEDED for each in run.actions if each.configuration.get("StackName") in stacks)

    def look(self, run: Run, *, rate: float) -> Iterator[TrafficChange]:
        """Yield what has changed since the last look. `rate`: how fast the clock has gone since."""
        now = time.monotonic()
        passed, self._looked = timedelta(seconds=(now - self._looked) * rate), now
        for shift in self.under_way:
            shift.lasted += passed
        deploying = {stack for stack, action in self._actions.items() if action.status == IN_PROGRESS}
        self._note_actions(run)
        deploying |= {stack for stack, action in self._actions.items() if action.status == IN_PROGRESS}
        for alias in self.aliases:
            if alias.stack in deploying:
                yield from self._changes(alias)

    @property
    def under_way(self) -> list[Shift]:
        """The shifts that have begun and not ended."""
        return [shift for shift in self.shifts if shift.went_back is None]

    def named(self, name: str) -> list[ShiftedAlias]:
        """Return the aliases that somebody means by a service, or by its function or workflow."""
        return [alias for alias in self.aliases if name in (alias.service, alias.name)]

    def require(self, name: str | None, after: timedelta, *, others: Sequence[str]) -> None:
        """Refuse a fault in a shift that there is not. `others`: alarms of the release, which may fire in any.

        Raises:
            OperateError: with what there is.
        """
        what = "@shift" if name is None else f"{name}@shift"
        if not self.aliases:
            raise OperateError(f"--fault {what}: no service of the stage has its traffic shifted step by step.")
        meant = self.aliases if name is None or name in others else self.named(name)
        known = dict.fromkeys(known for alias in self.aliases for known in (alias.service, alias.name))
        if not meant:
            raise OperateError(
                f"--fault {what} names nothing whose traffic is shifted; that is {', '.join(known)}."
                f"{suggested(name or '', known)}"
            )
        longest = max(alias.minutes for alias in meant)
        if after >= longest * MINUTE:
            raise OperateError(f"--fault {what}+{after // MINUTE}m is too late: the shift lasts {longest} minutes.")

    def fire(self, alias: ShiftedAlias) -> None:
        """Let the alarms fire that stop the shift of an alias."""
        cloudwatch = self._client("cloudwatch", alias)
        for name in self._names(alias):
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=REASON)

    def recover(self) -> None:
        """Let the alarms of all aliases end that fire, since the versions that failed are gone."""
        for alias in self.aliases:
            outweigh_failures(self._client("cloudwatch", alias), self._names(alias))

    def request(self, alias: ShiftedAlias, count: int, *, percent_failing: float) -> None:
        """Let the new version of an alias have so many requests now."""
        put_requests(self._client("cloudwatch", alias), self._names(alias), count, percent_failing)

    def _names(self, alias: ShiftedAlias) -> list[str]:
        return [self._physical(alias, alarm) for alarm in alias.alarms]

    def _note_actions(self, run: Run) -> None:
        stacks = {alias.stack for alias in self.aliases}
        found = {each.configuration.get("StackName", ""): each for each in run.actions}
        self._actions = {stack: action for stack, action in found.items() if stack in stacks}

    def _changes(self, alias: ShiftedAlias) -> Iterator[TrafficChange]:
        before, routes = self._routes[alias], self._read(alias)
        if routes == before:
            return
        self._routes[alias] = routes
        shift = self._shift_that_goes_on(alias, routes)
        if shift is None:
            (old,) = before
            shift = Shift(alias=alias, old=old, new=next(version for version in routes if version != old))
            self.shifts.append(shift)
        if len(routes) == 1:
            shift.went_back = shift.old in routes
        yield TrafficChange(alias=alias.name, said=_said(shift, routes))

    def _shift_that_goes_on(self, alias: ShiftedAlias, routes: Routes) -> Shift | None:
        """Return the shift that an alias is in, or the one that is taken back: its stack has failed since."""
        for shift in reversed([each for each in self.shifts if each.alias == alias]):
            if shift.went_back is None or (shift.went_back is False and [*routes] == [shift.old]):
                return shift
        return None

    def _read(self, alias: ShiftedAlias) -> Routes:
        arn = self._physical(alias, alias.logical_id)
        if alias.kind == FUNCTION_ALIAS:
            function, _, name = arn.rpartition(":")
            found = self._client("lambda", alias).get_alias(FunctionName=function, Name=name)
            weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
            others = {version: round(share * WHOLE) for version, share in weights.items()}
            return {found["FunctionVersion"]: WHOLE - sum(others.values()), **others}
        found = self._client("stepfunctions", alias).describe_state_machine_alias(stateMachineAliasArn=arn)
        return {
            each["stateMachineVersionArn"].rpartition(":")[2]: each["weight"] for each in found["routingConfiguration"]
        }

    def _physical(self, alias: ShiftedAlias, logical_id: str) -> str:
        found = self._client("cloudformation", alias).describe_stack_resource(
            StackName=alias.stack, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def _client(self, service: str, alias: ShiftedAlias) -> Any:
        account, region, _ = place_of_stack(self._actions[alias.stack], self.pipeline.target.account)
        return self.cloud.client(service, account, region)


def _said(shift: Shift, routes: Routes) -> str:
    if shift.went_back is None:
        return f"{routes[shift.new]} % of the traffic to version {shift.new}"
    if shift.went_back:
        return f"all of the traffic back to version {shift.old}"
    return f"all of the traffic to version {shift.new}"
