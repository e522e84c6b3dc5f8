"""What changes a run: to retry, stop and start it. approvals.py has what lets it go on."""

from dataclasses import dataclass

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate import closed_gate
from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.live_runs import CANCELLED, LiveRun, live_runs
from pipeline.operate.pipeline import Pipeline
from services.library.contract.names import entry_of, gate_of

LONGEST_REASON = 200
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StopPipelineExecution.html"""


def retry(pipeline: Pipeline, *, stage: str | None = None, despite_closed: bool = False) -> tuple[str, str]:
    """Start the failed actions of a stage again; returns the stage and the execution."""
    states = pipeline.states()
    names = [state["stageName"] for state in states]
    if stage is not None and stage not in names:
        raise OperateError(f"The pipeline has no stage {stage}; it has {', '.join(names)}.{suggested(stage, names)}")
    failed = {
        state["stageName"]: state["latestExecution"]["pipelineExecutionId"]
        for state in states
        if state.get("latestExecution", {}).get("status") in ("Failed", "Stopped")
    }
    if not failed:
        raise OperateError("No stage has failed, so there is nothing to retry. `penstock status` shows the run.")
    if stage is not None and stage not in failed and gate_of(stage) in failed:
        stage = gate_of(stage)  # it was rejected: to try it again is to ask again
    if stage is not None and stage not in failed:
        raise OperateError(f"Stage {stage} has not failed, but {', '.join(failed)} has.")
    if stage is None and len(failed) > 1:
        latest = pipeline.latest()
        failed = {name: execution for name, execution in failed.items() if execution == latest} or failed
    if stage is None and len(failed) > 1:
        raise OperateError(f"Stages {', '.join(failed)} have failed: say which, as in `penstock retry {min(failed)}`.")
    chosen = stage if stage is not None else next(iter(failed))
    if chosen != gate_of(entry_of(chosen)) and not despite_closed:
        closed_gate.check(pipeline, chosen, failed[chosen])
    try:
        pipeline.client.retry_stage_execution(
            pipelineName=pipeline.name,
            stageName=chosen,
            pipelineExecutionId=failed[chosen],
            retryMode="FAILED_ACTIONS",
        )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    return chosen, failed[chosen]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoppableRuns:
    """A run that can be stopped, and what else is alive."""

    chosen: LiveRun
    others: tuple[LiveRun, ...]


def stoppable(pipeline: Pipeline, *, execution: str | None = None) -> StoppableRuns:
    """Return the run of this id, or the newest that is going on."""
    live = [each for each in live_runs(pipeline) if each.status != CANCELLED]
    if not live:
        raise OperateError("No run is going on, so there is nothing to stop.")
    chosen = live[0] if execution is None else next((each for each in live if each.execution == execution), None)
    if chosen is None:
        raise OperateError(
            f"Execution {execution} is not going on, so there is nothing to stop. What is:\n"
            + "\n".join(f"  {each}" for each in live)
        )
    return StoppableRuns(chosen=chosen, others=tuple(each for each in live if each is not chosen))


def stop(pipeline: Pipeline, execution: str, *, abandon: bool = False, reason: str = "") -> None:
    """Stop a run: once its current actions have ended, or (abandon) without waiting for them."""
    if len(reason) > LONGEST_REASON:
        raise OperateError(f"--reason has {len(reason)} characters; CodePipeline keeps {LONGEST_REASON}.")
    try:
        pipeline.client.stop_pipeline_execution(
            pipelineName=pipeline.name,
            pipelineExecutionId=execution,
            abandon=abandon,
            reason=reason or "Stopped with penstock",
        )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)


def start(pipeline: Pipeline) -> str:
    """Start a run of what the pipeline's branch is now; returns the execution."""
    try:
        return pipeline.client.start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"]
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
