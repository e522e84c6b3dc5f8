"""What is remembered of each execution of a pipeline and of each action in it; plain data, so that it can be saved."""

import copy
import dataclasses
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.codepipeline.declaration import Json

IN_PROGRESS = "InProgress"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
STOPPED = "Stopped"
STOPPING = "Stopping"
SUPERSEDED = "Superseded"
SKIPPED = "Skipped"
CANCELLED = "Cancelled"
ABANDONED = "Abandoned"
LIVE = (IN_PROGRESS, STOPPING)
WRITTEN_APART = ("artifacts", "namespaces", "runs", "_written")
"""Fields of an execution that grow with its actions."""


@dataclass(kw_only=True)
class ActionOutcome:
    """How an action ended, as its provider tells it."""

    succeeded: bool
    variables: dict[str, str] = field(default_factory=dict)
    error_code: str = ""
    error_message: str = ""
    summary: str = ""
    revision: Json | None = None
    """Of a source action: `id`, `summary` and, where there is one, `url`."""


@dataclass(kw_only=True)
class ActionRun:
    """One attempt at one action."""

    id: str
    stage: str
    action: str
    started: float
    updated: float
    status: str = IN_PROGRESS
    version: int
    updated_by: str = ""
    token: str = ""
    """Of a manual approval that waits: what PutApprovalResult must bring."""
    configuration: dict[str, str] = field(default_factory=dict)
    """With variables resolved."""
    inputs: dict[str, Json] = field(default_factory=dict)
    outputs: dict[str, Json] = field(default_factory=dict)
    """Artifacts by name: `bucket` and `key`."""
    variables: dict[str, str] = field(default_factory=dict)
    external_id: str = ""
    external_url: str = ""
    summary: str = ""
    error_code: str = ""
    error_message: str = ""
    revision: Json | None = None


@dataclass(kw_only=True)
class Execution:
    """One way of a change through the pipeline."""

    id: str
    order: int
    """Later executions have larger numbers."""
    version: int
    mode: str
    started: float
    updated: float
    trigger_type: str
    trigger_detail: str = ""
    token: str = ""
    """The client's request token, which makes a repeated start the same execution."""
    kind: str = "STANDARD"
    rollback_target: str = ""
    status: str = IN_PROGRESS
    status_summary: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, Json] = field(default_factory=dict)
    """By source action: `type` and `value` of the revision that it must take."""
    position: int = 0
    waiting: bool = True
    """Whether it waits to enter the stage at its position, or is in it."""
    stop: str = ""
    """`wait` or `abandon` once somebody asked it to stop."""
    stop_reason: str = ""
    cancelled: bool = False
    """Whether the pipeline has changed under it."""
    current: dict[str, str] = field(default_factory=dict)
    """Of the stage that it is in: the run of each action begun, by the action's name."""
    entered: dict[str, int] = field(default_factory=dict)
    """When it entered each stage, as a number that grows with every entry of any execution."""
    stages: dict[str, str] = field(default_factory=dict)
    """The status of each stage that it entered."""
    retries: dict[str, Json] = field(default_factory=dict)
    """By stage: `automatic` and `manual` attempts, and the `latest` trigger."""
    runs: list[ActionRun] = field(default_factory=list)
    artifacts: dict[str, Json] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    _written: dict[str, tuple[str, float, Json]] = field(default_factory=dict, repr=False, compare=False)
    """Runs that have ended, as they were written last: their id -> status, last update, and what was written."""

    @property
    def live(self) -> bool:
        """Whether it may still do something by itself."""
        return self.status in LIVE

    def run(self, run_id: str) -> ActionRun:
        """Return one of its runs; KeyError when it is none of them."""
        for run in reversed(self.runs):  # those that are asked for are among the last
            if run.id == run_id:
                return run
        raise KeyError(run_id)

    def current_runs(self) -> dict[str, ActionRun]:
        """Return the runs of the stage it is in, by action."""
        return {action: self.run(run_id) for action, run_id in self.current.items()}

    def to_json(self) -> Json:
        """For the store. It is asked for at each step of each action, so what has ended is written once."""
        by_itself = (each.name for each in dataclasses.fields(self) if each.name not in WRITTEN_APART)
        return {
            **{name: copy.deepcopy(getattr(self, name)) for name in by_itself},
            # What an action made is never changed, only replaced.
            "artifacts": dict(self.artifacts),
            "namespaces": dict(self.namespaces),
            "runs": [self._run_to_json(run) for run in self.runs],
        }

    def _run_to_json(self, run: ActionRun) -> Json:
        if run.status == IN_PROGRESS:
            return dataclasses.asdict(run)
        status, updated, written = self._written.get(run.id, ("", 0.0, {}))
        if (status, updated) != (run.status, run.updated):
            written = dataclasses.asdict(run)
            self._written[run.id] = (run.status, run.updated, written)
        return written


def execution_from_json(saved: Json) -> Execution:
    """As `Execution.to_json` wrote it."""
    values: dict[str, Any] = {**saved, "runs": [ActionRun(**run) for run in saved["runs"]]}
    return Execution(**values)
