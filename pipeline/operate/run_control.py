"""What changes a run: to approve, retry, stop and start."""

from typing import Literal

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import IN_PROGRESS, LIVE


def approve(pipeline: Pipeline, *, stage: str | None = None, approved: bool = True, note: str = "") -> tuple[str, str]:
    """Answer the approval that waits; returns it as stage/action, and the execution that it let go on or ended."""
    states = {state["stageName"]: state for state in pipeline.states()}
    waiting = [
        (state["stageName"], action["actionName"], action["latestExecution"]["token"])
        for state in states.values()
        for action in state["actionStates"]
        if action.get("latestExecution", {}).get("status") == IN_PROGRESS and "token" in action["latestExecution"]
    ]
    names = sorted({name for name, _, _ in waiting})
    if not waiting:
        raise OperateError("No approval waits. `penstock status` shows where the run is.")
    chosen = [found for found in waiting if stage is None or found[0] == stage]
    if not chosen:
        raise OperateError(f"No approval waits in stage {stage}, but one does in {', '.join(names)}.")
    if len(chosen) > 1:
        if stage is None:
            raise OperateError(f"Approvals wait in {', '.join(names)}: say which with --stage.")
        raise OperateError(
            f"Several approvals wait in stage {stage}: {', '.join(action for _, action, _ in chosen)}."
            " Answer them in CodePipeline's console."
        )
    stage_name, action, token = chosen[0]
    status: Literal["Approved", "Rejected"] = "Approved" if approved else "Rejected"
    try:
        pipeline.client.put_approval_result(
            pipelineName=pipeline.name,
            stageName=stage_name,
            actionName=action,
            token=token,
            result={"status": status, "summary": note or f"{status} with penstock"},
        )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    return f"{stage_name}/{action}", states[stage_name]["latestExecution"]["pipelineExecutionId"]


def retry(pipeline: Pipeline, *, stage: str | None = None) -> tuple[str, str]:
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
    if stage is not None and stage not in failed:
        raise OperateError(f"Stage {stage} has not failed, but {', '.join(failed)} has.")
    if stage is None and len(failed) > 1:
        latest = pipeline.latest()
        failed = {name: execution for name, execution in failed.items() if execution == latest} or failed
    if stage is None and len(failed) > 1:
        raise OperateError(f"Stages {', '.join(failed)} have failed: say which, as in `penstock retry {min(failed)}`.")
    chosen = stage if stage is not None else next(iter(failed))
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


def stop(pipeline: Pipeline, *, execution: str | None = None, abandon: bool = False, reason: str = "") -> str:
    """Stop a run: once its current actions have ended, or (abandon) without waiting for them."""
    chosen = execution
    if chosen is None:
        live = [each["pipelineExecutionId"] for each in pipeline.executions(20) if each["status"] in LIVE]
        if not live:
            raise OperateError("No run is going on, so there is nothing to stop.")
        chosen = str(live[0])
    try:
        pipeline.client.stop_pipeline_execution(
            pipelineName=pipeline.name,
            pipelineExecutionId=chosen,
            abandon=abandon,
            reason=reason or "Stopped with penstock",
        )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    return chosen


def start(pipeline: Pipeline) -> str:
    """Start a run of what the pipeline's branch is now; returns the execution."""
    try:
        return pipeline.client.start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"]
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
