"""DORA's five metrics of one service in one stage; docs/metrics.md has the definitions, and what they rest on.

What cannot be known is None and has a sentence. A zero was counted.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.operate.history import History, RecordedRollback
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.past_deployments import Kind, PastDeployment, deployments_of

WEEK = timedelta(days=7)
HOTFIX_FOLLOWS = timedelta(hours=24)
"""A hotfix that begins so soon after a deployment says that the deployment failed."""

CommitTimes = Callable[[str, str], Mapping[str, datetime] | None]
"""Two commits -> when each commit of the second that the first lacks was committed; None if it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Durations:
    """How long something took, as often as it was measured."""

    count: int
    median: timedelta
    longest: timedelta

    def to_json(self) -> dict[str, Any]:
        """Return it in seconds."""
        return {
            "count": self.count,
            "median_seconds": round(self.median.total_seconds(), 1),
            "longest_seconds": round(self.longest.total_seconds(), 1),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """How many of how many."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """Of nothing there is no ratio."""
        return self.count / self.of if self.of else None

    def to_json(self) -> dict[str, Any]:
        """Return it with what it was counted from."""
        return {"ratio": None if self.value is None else round(self.value, 4), "count": self.count, "of": self.of}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryMetrics:
    """Of one service in one stage, in one period."""

    stage: str
    service: str
    deployments: int
    """Changes that were deployed."""
    per_week: float | None
    lead_time: Durations | None
    """Of commits, from their committer's date to their first deployment, with the wait for approval."""
    approval: Durations | None
    """How long deployments of changes waited for people."""
    change_fails: Ratio
    recovery: Durations | None
    unrecovered: int
    """Failed deployments that nothing has mended yet."""
    rework: Ratio
    unknown: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `penstock metrics --json` prints of it."""
        return {
            "stage": self.stage,
            "service": self.service,
            "change_lead_time": self.lead_time and self.lead_time.to_json(),
            "approval_wait": self.approval and self.approval.to_json(),
            "deployment_frequency": {
                "count": self.deployments,
                "per_week": None if self.per_week is None else round(self.per_week, 2),
            },
            "change_fail_rate": self.change_fails.to_json(),
            "failed_deployment_recovery_time": self.recovery and self.recovery.to_json(),
            "unrecovered": self.unrecovered,
            "deployment_rework_rate": self.rework.to_json(),
            "unknown": list(self.unknown),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Intervention:
    """Something that people, or CodePipeline, did about a deployment."""

    kind: Kind
    began: datetime
    deployment: PastDeployment | None = None
    """None if it was `penstock rollback`."""


def measure(history: History, service: DeployedStack, commit_times: CommitTimes) -> DeliveryMetrics:
    """Measure one service in one stage."""
    deployments = deployments_of(history, service)
    records = [each for each in history.rollbacks if (each.stage, each.service) == (service.stage, service.service)]
    changes = [each for each in deployments if each.kind is not Kind.ROLLBACK]
    failures, interventions = _failures(changes, deployments, records)
    in_period = [each for each in changes if each.ended >= history.since]
    deployed = [each for each in in_period if each.is_deployed]
    failed = {each.execution: failures[each.execution] for each in in_period if each.execution in failures}
    recoveries = [found for at in failed.values() if (found := _recovery(at, deployments, records)) is not None]
    rollbacks = [each for each in interventions if each.kind is Kind.ROLLBACK and each.began >= history.since]
    hotfixes = [each for each in in_period if each.kind is Kind.HOTFIX]
    lead_times, unknown = _lead_times(changes, history, commit_times)
    period = history.until - history.since
    return DeliveryMetrics(
        stage=service.stage,
        service=service.service,
        deployments=len(deployed),
        per_week=len(deployed) / (period / WEEK) if period >= WEEK else None,
        lead_time=_durations(lead_times),
        approval=_durations(each.approval for each in deployed if each.approval),
        change_fails=Ratio(count=len(failed), of=len(in_period)),
        recovery=_durations(recoveries),
        unrecovered=len(failed) - len(recoveries),
        rework=Ratio(count=len(hotfixes) + len(rollbacks), of=len(in_period) + len(rollbacks)),
        unknown=tuple(unknown),
    )


def _failures(
    changes: Sequence[PastDeployment], deployments: Sequence[PastDeployment], records: Sequence[RecordedRollback]
) -> tuple[dict[str, datetime], list[_Intervention]]:
    """Return when each execution failed that did: by itself, or by what was done about it; and what was done."""
    failures = {each.execution: each.failed_at for each in changes if each.failed_at is not None}
    interventions = []
    for each in _interventions(deployments, records):
        before = [change for change in changes if change.ended <= each.began]
        if not before or _is_redeployed(before[-1], each):
            continue
        interventions.append(each)
        if each.kind is Kind.ROLLBACK or each.began - before[-1].ended <= HOTFIX_FOLLOWS:
            failures.setdefault(before[-1].execution, before[-1].ended)
    return failures, interventions


def _interventions(
    deployments: Sequence[PastDeployment], records: Sequence[RecordedRollback]
) -> Iterator[_Intervention]:
    for each in deployments:
        if each.kind is not Kind.CHANGE:
            yield _Intervention(kind=each.kind, began=each.began, deployment=each)
    for record in records:
        if record.ended is not None:
            yield _Intervention(kind=Kind.ROLLBACK, began=record.began)


def _is_redeployed(change: PastDeployment, intervention: _Intervention) -> bool:
    """Say whether a stage was rolled back for another service, and this one only got again what it had."""
    deployment = intervention.deployment
    return deployment is not None and deployment.rollback_target == change.execution


def _recovery(
    failed_at: datetime, deployments: Sequence[PastDeployment], records: Sequence[RecordedRollback]
) -> timedelta | None:
    """Return the time until the service was well again; None if it is not yet."""
    moments = [each.good_at for each in deployments] + [each.ended for each in records]
    later = [each for each in moments if each is not None and each > failed_at]
    return min(later) - failed_at if later else None


def _lead_times(
    changes: Sequence[PastDeployment], history: History, commit_times: CommitTimes
) -> tuple[list[timedelta], list[str]]:
    """Return the lead time of each commit, counted at its first deployment, and what is not known."""
    found: list[timedelta] = []
    first, unnamed, absent, later_than_deployed = 0, 0, 0, 0
    counted: set[str] = set()
    before: PastDeployment | None = None
    for each in (change for change in changes if change.is_deployed):
        previous, before = before, each
        if not each.commit or (previous is not None and not previous.commit):
            unnamed += each.ended >= history.since
            continue
        if previous is None:
            first += each.ended >= history.since
            counted.add(each.commit)
            continue
        times = commit_times(previous.commit, each.commit)
        if times is None:
            absent += each.ended >= history.since
            continue
        new = {commit: at for commit, at in times.items() if commit not in counted}
        counted |= new.keys()
        if each.ended >= history.since:
            found += [each.ended - at for at in new.values() if at <= each.ended]
            later_than_deployed += sum(at > each.ended for at in new.values())
    reasons = (
        (first, "no earlier one is known, so nobody can tell what was new in it"),
        (unnamed, "the pipeline's source names no commit of it, or of the one before"),
        (absent, "this checkout does not have its commits, or those of the one before"),
    )
    sentences = [f"lead time of {_plural(count, 'deployment')}: {why}" for count, why in reasons if count]
    if later_than_deployed:
        sentences.append(f"lead time of {_plural(later_than_deployed, 'commit')}: committed later than deployed")
    return found, sentences


def _durations(found: Iterable[timedelta]) -> Durations | None:
    seconds = [each.total_seconds() for each in found]
    if not seconds:
        return None
    return Durations(
        count=len(seconds),
        median=timedelta(seconds=statistics.median(seconds)),
        longest=timedelta(seconds=max(seconds)),
    )


def _plural(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
