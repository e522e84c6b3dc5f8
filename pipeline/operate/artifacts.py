"""What a run's builds left for its later stages, such as the cloud assembly that it deploys."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError
from pipeline.operate.logs import STACK
from pipeline.operate.pipeline import Pipeline


def unpack_assembly(pipeline: Pipeline, execution: str, folder: Path) -> None:
    """Write the cloud assembly that a run deploys, wherever the run has come to, into a folder.

    Raises:
        OperateError: if the run has made none yet, or it is gone.
    """
    name = _assembly(pipeline)
    artifacts = [each for each in artifacts_of(pipeline, execution) if each["name"] == name]
    if not artifacts:
        raise OperateError(f"Execution {execution} has no artifact {name} (yet): `penstock status` shows its builds.")
    unpacked(pipeline, artifacts[:1], name, pipeline.target.region).extractall(folder)


def unpacked(pipeline: Pipeline, artifacts: Sequence[Any], name: str, region: str) -> zipfile.ZipFile:
    """Return an artifact's files, by its name."""
    (place,) = (each["s3location"] for each in artifacts if each["name"] == name)
    client = pipeline.target.client("s3", region=region)
    try:
        content = client.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    except ClientError as error:
        why = error.response["Error"]["Message"].rstrip(".")
        raise OperateError(
            f"The artifact s3://{place['bucket']}/{place['key']} cannot be read: {why}."
            " An old one is gone once its bucket's lifecycle has ended it."
        ) from error
    return zipfile.ZipFile(io.BytesIO(content))


def _assembly(pipeline: Pipeline) -> str:
    """The name of the artifact that the stacks are deployed from."""
    for stage in pipeline.definition():
        for action in stage["actions"]:
            path = action.get("configuration", {}).get("TemplatePath", "")
            if action["actionTypeId"]["provider"] == STACK and path:
                return str(path.partition("::")[0])
    raise OperateError(f"Pipeline {pipeline.name} deploys no stack: it has no cloud assembly.")


def artifacts_of(pipeline: Pipeline, execution: str, stage: str | None = None) -> Iterator[Mapping[str, Any]]:
    """Yield what the run's actions made and were given, of all stages or of one, in the region of the pipeline."""
    try:
        for page in pipeline.client.get_paginator("list_action_executions").paginate(
            pipelineName=pipeline.name, filter={"pipelineExecutionId": execution}
        ):
            details: Sequence[Any] = page["actionExecutionDetails"]
            for each in details:
                if stage is not None and each["stageName"] != stage:
                    continue
                given = each.get("input", {})
                yield from each.get("output", {}).get("outputArtifacts", [])
                if given.get("region", pipeline.target.region) == pipeline.target.region:
                    yield from given.get("inputArtifacts", [])
    except ClientError as error:
        pipeline.explain(error)
