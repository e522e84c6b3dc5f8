"""Why the gate of a stage would say no now: its windows and freezes, for who is about to let a run go on.

Advice: only the gate decides, and by AWS's time. Who may not read its rules is told nothing, and retries nothing behind
its back.
"""

import json
from datetime import UTC, datetime

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError
from pipeline.operate.pipeline import Pipeline
from services.library.contract import release_times
from services.library.contract.names import EVERY_STAGE, STAGES_VARIABLE, entry_of, release_parameter


def why_closed(pipeline: Pipeline, stage: str, *, now: datetime | None = None) -> list[str]:
    """Return each window of a stage that is closed and each freeze that holds; `stage` may be its gate, too."""
    try:
        return _closed(pipeline, stage, now)
    except (ClientError, EndpointConnectionError):
        return []  # it is not for everybody to see


def _closed(pipeline: Pipeline, stage: str, now: datetime | None = None) -> list[str]:
    """Return it; nothing of a stage without a gate."""
    name = release_parameter(pipeline.name, entry_of(stage))
    try:
        text = pipeline.target.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return []
        raise
    return release_times.closed_by(json.loads(text), now or datetime.now(UTC))


def check(pipeline: Pipeline, stage: str, execution: str) -> None:
    """Raise unless a run may go on in a stage that it has entered already, as a retry does, without its gate."""
    try:
        closed = _closed(pipeline, stage)
    except (ClientError, EndpointConnectionError) as error:
        closed = [f"whether a window is closed or a freeze holds cannot be read ({error})"]
    if not closed or _is_hotfix(pipeline, execution):
        return
    raise OperateError(
        f"{stage} may not be released to now: {'; '.join(closed)}. A retry does not pass its gate again;"
        " --despite-closed retries all the same."
    )


def _is_hotfix(pipeline: Pipeline, execution: str) -> bool:
    try:
        found = pipeline.client.get_pipeline_execution(pipelineName=pipeline.name, pipelineExecutionId=execution)
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    variables = found["pipelineExecution"].get("variables", [])
    stages = {each.get("name"): each.get("resolvedValue") for each in variables}.get(STAGES_VARIABLE)
    return stages not in (None, EVERY_STAGE)
