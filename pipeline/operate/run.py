"""A run of the pipeline as it stands at one moment: its stages and actions, and what they came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.operate.next_step import penstock

SUCCEEDED, FAILED, IN_PROGRESS = "Succeeded", "Failed", "InProgress"
WAITING = "WaitingForApproval"
"""A run or stage in which nothing happens until a person answers. (AWS calls it InProgress.)"""
NOT_STARTED, STOPPED, SKIPPED = "NotStarted", "Stopped", "Skipped"
LIVE = frozenset({IN_PROGRESS, "Stopping", WAITING})


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action of a stage, at its latest attempt in this run."""

    stage: str
    name: str
    provider: str
    category: str
    configuration: Mapping[str, str]
    region: str
    role: str | None
    status: str = NOT_STARTED
    started: datetime | None = None
    updated: datetime | None = None
    summary: str = ""
    error: str = ""
    url: str = ""
    external_id: str = ""
    """The build, stack or change set that did the work."""

    @property
    def full_name(self) -> str:
        """Stage/action, which is unique: an action's name is so only within its stage."""
        return f"{self.stage}/{self.name}"

    @property
    def waits_for_a_person(self) -> bool:
        """Return whether the action is an approval that nobody has answered yet."""
        return self.category == "Approval" and self.status == IN_PROGRESS

    @property
    def seconds(self) -> float | None:
        """How long it took, or has been going on."""
        if self.started is None:
            return None
        end = datetime.now(UTC) if self.status == IN_PROGRESS else self.updated or self.started
        return round(max(0.0, (end - self.started).total_seconds()), 1)


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Why nothing may enter a stage, and who said so."""

    why: str
    by: str
    since: datetime | None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of the pipeline in this run."""

    name: str
    status: str
    actions: tuple[Action, ...]
    hold: Hold | None = None
    """Of the stage as it is now, whichever run this is."""


@dataclass(frozen=True, kw_only=True)
class Hotfix:
    """Which stages a run enters, and why it leaves the others out."""

    stages: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of the pipeline."""

    pipeline: str
    execution: str
    status: str
    commit: str
    message: str
    started: datetime | None
    stages: tuple[Stage, ...]
    reason: str = ""
    """Why it is not, or no longer, going on, where CodePipeline says so."""
    hotfix: Hotfix | None = None
    """Set if this run leaves stages out."""

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every action, in order."""
        return tuple(action for stage in self.stages for action in stage.actions)

    @property
    def is_live(self) -> bool:
        """Whether it may still change by itself."""
        return self.status in LIVE

    def to_json(self) -> dict[str, Any]:
        """Return what `penstock status --json` prints."""
        return {
            "pipeline": self.pipeline,
            "execution": self.execution,
            "status": self.status,
            "commit": self.commit,
            "message": self.message,
            "started": _iso(self.started),
            "reason": self.reason,
            "hotfix": self.hotfix and {"stages": list(self.hotfix.stages), "why": self.hotfix.why},
            "stages": [
                {
                    "name": stage.name,
                    "status": stage.status,
                    "hold": stage.hold
                    and {"why": stage.hold.why, "by": stage.hold.by, "since": _iso(stage.hold.since)},
                    "actions": [
                        {
                            "name": action.name,
                            "status": action.status,
                            "started": _iso(action.started),
                            "seconds": action.seconds,
                            "summary": action.summary,
                            "error": action.error,
                            "url": action.url,
                            "log": penstock("logs", action.full_name),
                        }
                        for action in stage.actions
                    ],
                }
                for stage in self.stages
            ],
        }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment is not None else None
