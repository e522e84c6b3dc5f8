"""Every run that is alive, by CodePipeline's list of executions and its state of each stage: two calls for nearly all.

A run that an update of the pipeline cancelled is listed too, until a later one has reached the end: what it carried is
nowhere, unless a later run carries it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.operate.pipeline import Pipeline, approvals_of, hold_of, message_of
from pipeline.operate.run import IN_PROGRESS, LIVE, SUCCEEDED, WAITING

BEHIND = "Behind"
"""A run that stands in front of a stage. (AWS calls it InProgress.)"""
STOPPING, CANCELLED = "Stopping", "Cancelled"
LOOKED_AT = 50
"""Executions, and those before them as far as one is that waits in a stage or in front of one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveRun:
    """One run, and where it is."""

    execution: str
    status: str
    stage: str
    """The stage that it is in or in front of; empty where CodePipeline does not say."""
    commit: str
    message: str
    detail: str = ""
    """Why it does not go on, or what ended it."""

    @property
    def title(self) -> str:
        """The commit and its message."""
        return f"{self.commit[:12]} {self.message}".strip() or "no source yet"

    def __str__(self) -> str:
        where = {
            IN_PROGRESS: f"is in {self.stage}" if self.stage else "has just begun",
            WAITING: f"waits for approval of {self.stage}",
            BEHIND: f"stands in front of {self.stage}",
            STOPPING: f"stops in {self.stage}" if self.stage else "stops",
            CANCELLED: "was cancelled by an update of the pipeline",
        }[self.status]
        return f"{self.title} {where}{f' ({self.detail})' if self.detail else ''}, execution {self.execution}"

    def carries(self, commit: str) -> bool:
        """Return whether it is a run of the commit whose name begins so.

        The revision of a source in S3 is a version of its object; the commit stands in front of the message there.
        """
        return self.commit.startswith(commit) or self.message.partition(" ")[0].startswith(commit)

    def to_json(self) -> dict[str, str]:
        """Return what `penstock status --json` prints of it."""
        names = ("execution", "status", "stage", "commit", "message", "detail")
        return {name: getattr(self, name) for name in names}


def live_runs(pipeline: Pipeline, states: Sequence[Mapping[str, Any]] | None = None) -> list[LiveRun]:
    """Return the runs that are alive, newest first. `states`: the stages', if they have been read already."""
    if states is None:
        states = pipeline.states()
    summaries = pipeline.executions(LOOKED_AT, back_to=set(_named(states)))
    found = []
    later: set[str] = set()
    is_out_of_date = False
    for summary in summaries:
        if summary["status"] in LIVE:
            found.append(_live(summary, states))
        run = _run(summary, CANCELLED, "", detail=summary.get("statusSummary", ""))
        # The run that brought the update was started again, with the same commit.
        if summary["status"] == CANCELLED and not is_out_of_date and run.commit not in later:
            found.append(run)
        later |= {run.commit} - {""}
        is_out_of_date |= summary["status"] == SUCCEEDED and summary.get("executionType") != "ROLLBACK"
    return found


def _named(states: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the executions that are in a stage or in front of one: one may wait there while many others end."""
    for state in states:
        yield from (each["pipelineExecutionId"] for each in _inbound(state))
        inside = state.get("latestExecution", {})
        if inside.get("status") in (IN_PROGRESS, STOPPING):
            yield inside["pipelineExecutionId"]


def _inbound(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*state.get("inboundExecutions", []), *filter(None, [state.get("inboundExecution")])]


def _live(summary: Mapping[str, Any], states: Sequence[Mapping[str, Any]]) -> LiveRun:
    execution = summary["pipelineExecutionId"]
    for state in states:
        if execution in [each["pipelineExecutionId"] for each in _inbound(state)]:
            hold = hold_of(state)
            return _run(summary, BEHIND, state["stageName"], detail=f"held: {hold.why}" if hold else "")
        inside = state.get("latestExecution", {})
        if inside.get("pipelineExecutionId") == execution and inside.get("status") in (IN_PROGRESS, STOPPING):
            return _run(summary, WAITING if _only_waits(state) else summary["status"], state["stageName"])
    return _run(summary, summary["status"], "")


def _only_waits(state: Mapping[str, Any]) -> bool:
    going_on = [each for each in state["actionStates"] if each.get("latestExecution", {}).get("status") == IN_PROGRESS]
    return len(going_on) == len(list(approvals_of(state))) > 0


def _run(summary: Mapping[str, Any], status: str, stage: str, *, detail: str = "") -> LiveRun:
    revision: Mapping[str, Any] = next(iter(summary.get("sourceRevisions", [])), {})
    return LiveRun(
        execution=summary["pipelineExecutionId"],
        status=status,
        stage=stage,
        commit=revision.get("revisionId", ""),
        message=message_of(revision.get("revisionSummary", "")),
        detail=detail,
    )
