"""What people, and CodePipeline by itself, did about a stage besides ordinary runs, each with its reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.operate.history import History, PastRun
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.past_deployments import DEPLOY
from services.library.contract.names import entry_of


@dataclass(frozen=True, kw_only=True, slots=True)
class PastEvent:
    """One rollback, hotfix or hold."""

    at: datetime
    kind: str
    stages: tuple[str, ...]
    """Of the pipeline, or the one of the service."""
    why: str
    service: str = ""
    """Empty: all of the stage."""
    commit: str = ""
    """That was brought there."""
    until: datetime | None = None
    """None: it was no time but a moment, or lasts."""

    def to_json(self) -> dict[str, Any]:
        """Return what `penstock metrics --json` prints of it."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "kind": self.kind,
            "stages": list(self.stages),
            "service": self.service or None,
            "commit": self.commit or None,
            "why": self.why,
            "until": self.until and self.until.isoformat(timespec="seconds"),
        }


def events_of(history: History, services: Sequence[DeployedStack]) -> list[PastEvent]:
    """Return what was done in the period about the stages of these services, oldest first."""
    stages = {each.stage for each in services} | _stages_of_pipeline(history, services)
    found = [
        each
        for each in (*_rollbacks(history), *_of_runs(history), *_holds(history))
        if each.at >= history.since and not stages.isdisjoint(each.stages)
    ]
    named = {each.service for each in services}
    return sorted((each for each in found if not each.service or each.service in named), key=lambda each: each.at)


def _stages_of_pipeline(history: History, services: Sequence[DeployedStack]) -> set[str]:
    """Return the pipeline's stages that deployed these services: a wave's has another name than its stages."""
    places = {each.place for each in services}
    return {entry_of(each.stage) for each in history.actions if each.place in places}


def _rollbacks(history: History) -> Iterator[PastEvent]:
    for each in history.rollbacks:
        yield PastEvent(
            at=each.began,
            kind="rollback" if each.ended else "failed rollback",
            stages=(each.stage,),
            service=each.service,
            commit=each.commit,
            why=each.why,
            until=each.ended,
        )


def _of_runs(history: History) -> Iterator[PastEvent]:
    for run in history.runs.values():
        if run.rollback_target:
            yield PastEvent(
                at=run.began,
                kind="automatic rollback",
                stages=_deployed_to(history, run),
                commit=run.commit,
                why=f"the stage failed; back to execution {run.rollback_target}",
            )
        elif run.hotfix is not None:
            yield PastEvent(
                at=run.began, kind="hotfix", stages=run.hotfix.stages, commit=run.commit, why=run.hotfix.why
            )


def _deployed_to(history: History, run: PastRun) -> tuple[str, ...]:
    stages = (
        entry_of(each.stage) for each in history.actions if each.execution == run.execution and each.category == DEPLOY
    )
    return tuple(dict.fromkeys(stages))


def _holds(history: History) -> Iterator[PastEvent]:
    for each in history.holds:
        yield PastEvent(at=each.began, kind="hold", stages=(entry_of(each.stage),), why=each.why, until=each.ended)
