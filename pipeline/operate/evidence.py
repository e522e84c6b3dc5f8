"""What a person should know before they let a run into a stage: what it replaces, and whether there is a way back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.pipeline import Pipeline
from pipeline.operate.rollback import commit_of
from pipeline.operate.run import SUCCEEDED
from services.library.contract.names import entry_of

ACTIONS_LOOKED_AT = 1_000
EXECUTIONS_LOOKED_AT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """About a stage of the catalogue, or a wave."""

    execution: str
    """The run that deployed last there; empty if none of those looked at did."""
    commit: str
    rolls_back: bool
    """Whether CodePipeline rolls the stage back by itself when it fails."""
    way_back: str
    """The run that it would go back to; empty if there is none with the pipeline's present definition."""
    is_complete: bool = True
    """Whether every run was looked at that may have deployed there, if none has."""

    def to_json(self) -> dict[str, str | bool]:
        """Return what `penstock status --json` prints of it."""
        names = ("execution", "commit", "rolls_back", "way_back")
        return {name: getattr(self, name) for name in names}


def of_stage(pipeline: Pipeline, gate: str, *, besides: str = "") -> Evidence:
    """Collect it for the stage behind a gate, or for the stage itself if its approval is within it.

    `besides`: an execution that does not count as what was there before, since it has failed there.
    """
    parts = [each for each in pipeline.definition() if entry_of(each["name"]) == entry_of(gate)]
    stages = [each for each in parts if each["name"] != gate] or parts
    names = [each["name"] for each in stages]
    try:
        execution, is_complete = _deployment(pipeline, names, besides)
        commit = _commit(pipeline, execution) if execution else ""
        targets: Sequence[Any] = pipeline.client.list_pipeline_executions(
            pipelineName=pipeline.name, filter={"succeededInStage": {"stageName": names[-1]}}
        )["pipelineExecutionSummaries"]
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    ordinary = (each["pipelineExecutionId"] for each in targets if each.get("executionType") != "ROLLBACK")
    return Evidence(
        execution=execution,
        commit=commit,
        rolls_back=any(each.get("onFailure", {}).get("result") == "ROLLBACK" for each in stages),
        way_back=next(ordinary, ""),
        is_complete=is_complete,
    )


def _deployment(pipeline: Pipeline, stages: Sequence[str], besides: str) -> tuple[str, bool]:
    """Return the run that deployed to these stages last, and whether all were looked at if there is none.

    CodePipeline says which run was in a stage last. If that one did not succeed there, or deployed nothing, the history
    says who came before, as far back as it is read: with many services a few runs have a thousand actions.
    """
    latest = [each.get("latestExecution", {}) for each in pipeline.states() if each["stageName"] in stages]
    inside = {(each.get("pipelineExecutionId", ""), each.get("status")) for each in latest}
    for execution, status in inside if len(inside) == 1 else ():
        if status == SUCCEEDED and execution != besides:
            its = _actions(pipeline, filter={"pipelineExecutionId": execution})
            if any(_deployed(each, stages) for each in its):
                return execution, True
    looked_at = 0
    for detail in _actions(pipeline, PaginationConfig={"MaxItems": ACTIONS_LOOKED_AT}):
        looked_at += 1
        if _deployed(detail, stages) and detail["pipelineExecutionId"] != besides:
            return detail["pipelineExecutionId"], True
    return "", looked_at < ACTIONS_LOOKED_AT


def _actions(pipeline: Pipeline, **which: Any) -> Iterator[Mapping[str, Any]]:
    """Yield them newest first; CodePipeline keeps them across definitions."""
    for page in pipeline.client.get_paginator("list_action_executions").paginate(pipelineName=pipeline.name, **which):
        yield from page["actionExecutionDetails"]


def _deployed(detail: Mapping[str, Any], stages: Sequence[str]) -> bool:
    is_deployment = detail["input"]["actionTypeId"]["category"] == "Deploy"
    return is_deployment and detail["stageName"] in stages and detail["status"] == SUCCEEDED


def _commit(pipeline: Pipeline, execution: str) -> str:
    """Return the commit of a run, however long ago it was."""
    for summary in pipeline.executions(EXECUTIONS_LOOKED_AT):
        if summary["pipelineExecutionId"] == execution:
            return commit_of(summary)
    found: Any = pipeline.client.get_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=execution)
    revisions = found["pipelineExecution"].get("artifactRevisions", [])
    return str(next((each.get("revisionId", "") for each in revisions), ""))
