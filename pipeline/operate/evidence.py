"""What a person should know before they let a run into a stage: what it replaces, and whether there is a way back."""

from collections.abc import Iterator, Sequence
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
        execution = next((each for each in _deployments(pipeline, names) if each != besides), "")
        summaries = pipeline.executions(EXECUTIONS_LOOKED_AT)
        targets: Sequence[Any] = pipeline.client.list_pipeline_executions(
            pipelineName=pipeline.name, filter={"succeededInStage": {"stageName": names[-1]}}
        )["pipelineExecutionSummaries"]
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    ordinary = (each["pipelineExecutionId"] for each in targets if each.get("executionType") != "ROLLBACK")
    return Evidence(
        execution=execution,
        commit=next((commit_of(each) for each in summaries if each["pipelineExecutionId"] == execution), ""),
        rolls_back=any(each.get("onFailure", {}).get("result") == "ROLLBACK" for each in stages),
        way_back=next(ordinary, ""),
    )


def _deployments(pipeline: Pipeline, stages: Sequence[str]) -> Iterator[str]:
    """Yield the runs that deployed to these stages, newest first; CodePipeline keeps them across definitions."""
    pages = pipeline.client.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline.name, PaginationConfig={"MaxItems": ACTIONS_LOOKED_AT}
    )
    for page in pages:
        for detail in page["actionExecutionDetails"]:
            kind: Any = detail["input"]["actionTypeId"]
            if detail["stageName"] in stages and detail["status"] == SUCCEEDED and kind["category"] == "Deploy":
                yield detail["pipelineExecutionId"]
