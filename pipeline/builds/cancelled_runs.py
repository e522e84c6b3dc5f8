"""Say which runs an update of the pipeline will cancel, in the build before it.

"Active executions are canceled after in-progress actions complete. Pending executions are canceled":
https://docs.aws.amazon.com/codepipeline/latest/userguide/execution-modes.html
That a commit updates the pipeline shows in what synth made of it for the run before, kept beside the artifacts.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

from pipeline.builds import kept_synths

LATEST = "latest"
OWN = ("Source", "Build")
"""Stages that this run has been in, and that newer ones may be in: those go on with the new definition."""


def tell(assembly: Path, store: str) -> None:
    """Print them, if this commit updates the pipeline."""
    s3 = boto3.client("s3")
    made = kept_synths.templates(assembly)
    before = kept_synths.read(s3, store, LATEST)
    if before == made:
        return
    if before is None or _pipelines(before) != _pipelines(made):
        pipeline = os.environ["CODEBUILD_INITIATOR"].removeprefix("codepipeline/")
        cancelled = list(runs(boto3.client("codepipeline").get_pipeline_state(name=pipeline)["stageStates"]))
        for line in ("This commit updates the pipeline, which cancels:", *cancelled) if cancelled else ():
            sys.stdout.write(f"{line}\n")
    kept_synths.write(s3, store, LATEST, made)


def _pipelines(made: Mapping[str, Any]) -> list[Any]:
    """Return what the templates say of pipelines: only a change of these cancels runs."""
    resources = [each for template in made.values() for each in template.get("Resources", {}).values()]
    return [each for each in resources if each.get("Type") == "AWS::CodePipeline::Pipeline"]


def runs(states: Iterable[Any]) -> Iterator[str]:
    """Yield a line for each execution that is in a later stage or in front of one."""
    for state in states:
        stage = state["stageName"]
        if stage in OWN:
            continue
        inside = state.get("latestExecution", {})
        if inside.get("status") == "InProgress":
            waits = any("token" in action.get("latestExecution", {}) for action in state["actionStates"])
            where = f"which waits for approval of {stage}" if waits else f"which is in {stage}"
            yield f"  execution {inside['pipelineExecutionId']}, {where}"
        for each in state.get("inboundExecutions", []):
            yield f"  execution {each['pipelineExecutionId']}, which stands in front of {stage}"
