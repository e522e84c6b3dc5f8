"""A run that enters some stages only, with a reason that stays in its history."""

from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.pipeline import Pipeline
from services.library.contract.names import (
    ALARMS_VARIABLE,
    GATE_SUFFIX,
    REASON_VARIABLE,
    REMOVALS_STAGE,
    SHORTEST_REASON,
    STAGES_VARIABLE,
    UNHEEDED,
    entry_of,
)

LONGEST_REASON = 1_000
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineVariable.html"""


def hotfix(
    pipeline: Pipeline, stages: tuple[str, ...], *, why: str, commit: str | None = None, despite_alarms: bool = False
) -> str:
    """Start a run of the branch's newest commit, or of this one, that enters these stages alone; the execution.

    It passes windows and freezes; alarms that fire only with `despite_alarms`.
    """
    if not SHORTEST_REASON <= len(why.strip()) <= LONGEST_REASON:
        raise OperateError(
            f"--why {why!r} is not allowed; give {SHORTEST_REASON} to {LONGEST_REASON} characters that a stranger"
            " understands: they are what is left of why stages were left out."
        )
    declared = pipeline.definition()
    skippable = [
        name
        for each in declared
        if "beforeEntry" in each and (name := each["name"]) != REMOVALS_STAGE and not name.endswith(GATE_SUFFIX)
    ]
    for stage in stages:
        if not any(stage in (name, entry_of(name)) for name in skippable):
            raise OperateError(
                f"The pipeline has no stage {stage} to deploy to; it has {', '.join(skippable)}."
                f"{suggested(stage, skippable)}"
            )
    arguments: dict[str, Any] = {
        "variables": [
            {"name": STAGES_VARIABLE, "value": ",".join(dict.fromkeys(stages))},
            {"name": REASON_VARIABLE, "value": why},
        ]
    }
    if despite_alarms:
        arguments["variables"].append({"name": ALARMS_VARIABLE, "value": UNHEEDED})
    if commit is not None:
        (source,) = declared[0]["actions"]
        if source["actionTypeId"]["provider"] == "S3":
            raise OperateError("A source in S3 has no commits to choose from; leave COMMIT out.")
        revision = {"actionName": source["name"], "revisionType": "COMMIT_ID", "revisionValue": commit}
        arguments["sourceRevisions"] = [revision]
    try:
        return pipeline.client.start_pipeline_execution(name=pipeline.name, **arguments)["pipelineExecutionId"]
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
