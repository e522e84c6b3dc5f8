"""An approval that waits, bound to the run that it is about: an answer is for that run and for no other.

PutApprovalResult names no execution. The token does: it is read together with the execution, once, and an answer with
it is refused by CodePipeline as soon as another run waits there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError
from pipeline.operate.live_runs import CANCELLED, LiveRun, live_runs
from pipeline.operate.pipeline import Pipeline, approvals_of
from services.library.contract.names import gate_of

LONGEST_REASON = 512
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ApprovalResult.html"""
SHORTEST_COMMIT = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingApproval:
    """What a person is asked, and about which run."""

    stage: str
    action: str
    token: str
    run: LiveRun
    others: tuple[LiveRun, ...]
    """What else is alive."""

    @property
    def name(self) -> str:
        """Stage/action."""
        return f"{self.stage}/{self.action}"


def find(
    pipeline: Pipeline, *, stage: str | None = None, commit: str | None = None, execution: str | None = None
) -> WaitingApproval:
    """Return the approval that waits: of a stage, of a run of a commit (or the beginning of its name), of an execution.

    Raises OperateError where none or more than one is meant, with what waits instead.
    """
    if commit is not None and len(commit) < SHORTEST_COMMIT:
        raise OperateError(f"COMMIT {commit!r} is not allowed; give at least {SHORTEST_COMMIT} characters of it.")
    states = pipeline.states()
    runs = live_runs(pipeline, states)
    waiting = [
        _waiting(state["stageName"], action, token, state["latestExecution"]["pipelineExecutionId"], runs)
        for state in states
        for action, token in approvals_of(state)
    ]
    if not waiting:
        raise OperateError("No approval waits. `penstock status` shows where the run is.")
    in_stage = [each for each in waiting if stage is None or each.stage in (stage, gate_of(stage))]
    if not in_stage:
        raise OperateError(f"No approval waits in stage {stage}, but one does in {_stages(waiting)}.")
    meant = [
        each
        for each in in_stage
        if execution in (None, each.run.execution) and (commit is None or each.run.carries(commit))
    ]
    if not meant:
        raise OperateError(_mismatch(in_stage, runs, commit=commit, execution=execution))
    return _only(meant, stage)


def answer(pipeline: Pipeline, waiting: WaitingApproval, *, approved: bool, why: str = "") -> None:
    """Answer it, so that its run goes on or ends."""
    status: Literal["Approved", "Rejected"] = "Approved" if approved else "Rejected"
    try:
        pipeline.client.put_approval_result(
            pipelineName=pipeline.name,
            stageName=waiting.stage,
            actionName=waiting.action,
            token=waiting.token,
            result={"status": status, "summary": why or f"{status} with penstock"},
        )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)


def _waiting(stage: str, action: str, token: str, execution: str, runs: Sequence[LiveRun]) -> WaitingApproval:
    unlisted = LiveRun(execution=execution, status="WaitingForApproval", stage=stage, commit="", message="")
    return WaitingApproval(
        stage=stage,
        action=action,
        token=token,
        run=next((each for each in runs if each.execution == execution), unlisted),
        others=tuple(each for each in runs if each.execution != execution and each.status != CANCELLED),
    )


def _only(meant: Sequence[WaitingApproval], stage: str | None) -> WaitingApproval:
    if len(meant) == 1:
        return meant[0]
    if len({each.stage for each in meant}) > 1:
        raise OperateError(f"Approvals wait in {_stages(meant)}: say which with --stage.")
    raise OperateError(
        f"Several approvals wait in stage {stage or meant[0].stage}: {', '.join(each.action for each in meant)}."
        " Answer them in CodePipeline's console."
    )


def _mismatch(
    waiting: Sequence[WaitingApproval], runs: Sequence[LiveRun], *, commit: str | None, execution: str | None
) -> str:
    """Say which run waits, and where the one is that was named."""
    named = commit if commit is not None else f"execution {execution}"
    found = [
        each
        for each in runs
        if (commit is not None and each.carries(commit)) or (commit is None and each.execution == execution)
    ]
    where = [f"It is elsewhere: {each}." for each in found] or ["No run that is alive has it."]
    asked = [f"{each.name} asks about another run: {each.run}." for each in waiting]
    return " ".join([f"No approval waits for {named}, so nothing was changed.", *asked, *where])


def _stages(waiting: Sequence[WaitingApproval]) -> str:
    return ", ".join(sorted({each.stage for each in waiting}))
