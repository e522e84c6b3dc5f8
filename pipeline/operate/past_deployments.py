"""What was deployed of one service to one stage, by the pipeline's history: each deployment, and what became of it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.operate.history import History, PastAction, PastRun
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.run import FAILED, SUCCEEDED
from services.library.contract.names import entry_of

APPROVAL, DEPLOY = "Approval", "Deploy"


class Kind(StrEnum):
    """Why something was deployed."""

    CHANGE = "change"
    HOTFIX = "hotfix"
    ROLLBACK = "rollback"


@dataclass(frozen=True, kw_only=True, slots=True)
class PastDeployment:
    """One run's deployment of a service, with all attempts at it."""

    execution: str
    commit: str
    kind: Kind
    began: datetime
    """Of the run."""
    ended: datetime
    """When its stack's last attempt ended."""
    is_deployed: bool
    """Whether the last attempt succeeded."""
    failed_at: datetime | None
    """When the first action failed that is about the service: its deployment, or a probe of it."""
    good_at: datetime | None
    """When the last attempt at each of these actions had succeeded; None as long as one has not."""
    approval: timedelta
    """How long it waited for people."""
    rollback_target: str = ""


def deployments_of(history: History, service: DeployedStack) -> list[PastDeployment]:
    """Return every deployment of a service that ended, in the order in which they ended."""
    by_run: dict[str, list[PastAction]] = defaultdict(list)
    for action in history.actions:
        by_run[action.execution].append(action)
    found = [each for execution, actions in by_run.items() for each in _of_run(history, service, execution, actions)]
    return sorted(found, key=lambda each: each.ended)


def _of_run(
    history: History, service: DeployedStack, execution: str, actions: Sequence[PastAction]
) -> Iterator[PastDeployment]:
    attempts = [each for each in actions if _deploys(each, service) and each.status in (SUCCEEDED, FAILED)]
    if not attempts:
        return
    run = history.runs.get(execution, PastRun(execution=execution, commit="", began=actions[0].began))
    stage = attempts[0].stage
    about = [each for each in actions if each.stage == stage and _is_about(each, attempts[0])]
    deployed = _all_succeeded([each for each in actions if _deploys(each, service)])
    yield PastDeployment(
        execution=execution,
        commit=run.commit,
        kind=Kind.ROLLBACK if run.rollback_target else Kind.HOTFIX if run.hotfix else Kind.CHANGE,
        began=run.began,
        ended=deployed or max(each.ended for each in attempts),
        is_deployed=deployed is not None,
        failed_at=min((each.ended for each in about if each.status == FAILED), default=None),
        good_at=_all_succeeded(about),
        approval=_approval(actions, stage),
        rollback_target=run.rollback_target,
    )


def _deploys(action: PastAction, service: DeployedStack) -> bool:
    return action.category == DEPLOY and action.place == service.place


def _is_about(action: PastAction, deployment: PastAction) -> bool:
    """Say whether an action of the stage is about the service: it is named `service.Deploy`, `service.Probe`.

    What is about the whole stage is about each of its services.
    """
    prefix, of_service = (each.name.rpartition(".")[0] for each in (action, deployment))
    return action.category != APPROVAL and (not prefix or f"{of_service}.".startswith(f"{prefix}."))


def _all_succeeded(actions: Sequence[PastAction]) -> datetime | None:
    """Return when the last attempt at each of these actions had succeeded; None if one has not."""
    latest = {each.name: each for each in sorted(actions, key=lambda each: each.began)}
    if any(each.status != SUCCEEDED for each in latest.values()):
        return None
    return max(each.ended for each in latest.values())


def _approval(actions: Sequence[PastAction], stage: str) -> timedelta:
    """Return how long a run waited for people in front of a stage, and in it."""
    waits = [
        each.ended - each.began
        for each in actions
        if each.category == APPROVAL and entry_of(each.stage) == entry_of(stage)
    ]
    return sum(waits, timedelta())
