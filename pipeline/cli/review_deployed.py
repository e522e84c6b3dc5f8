"""`penstock review --deployed`: fetches what runs in a stage, and hands it to the review as a side."""

import re
import tempfile
from pathlib import Path

from pipeline.operate import deployed_templates, drift
from pipeline.operate.artifacts import unpack_assembly
from pipeline.operate.deployed_templates import DeployedTemplate
from pipeline.operate.errors import OperateError
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import Target
from pipeline.review.engine import review
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import DeploymentLocation, Review
from pipeline.review.read import assembly, deployed
from pipeline.review.read.assembly import Assembly
from pipeline.review.read.deployed import RunningStack
from pipeline.review.read.revisions import Repository, Revision
from pipeline.review.read.synthesis import Synthesis

EXECUTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""CodePipeline's id of a run."""


def of_stage(
    stage: str,
    head: Revision | Path | str,
    pipeline: Pipeline,
    synthesis: Synthesis,
    baseline: ReviewBaseline,
    *,
    asks_drift: bool,
) -> Review:
    """Review what a head side would change of what runs in a stage. `head`: a text is a run's id."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if isinstance(head, str):
            unpack_assembly(pipeline, head, folder)
            return of_unpacked_run(stage, of_run(head, folder), pipeline, baseline, asks_drift=asks_drift)
        running = _read(stage, pipeline, asks_drift=asks_drift)
        return review(*deployed.sides(stage, running, synthesis.head(head), folder, is_merged=False), baseline)


def of_unpacked_run(
    stage: str, run: Assembly, pipeline: Pipeline, baseline: ReviewBaseline, *, asks_drift: bool = False
) -> Review:
    """Review what a run would change of what runs in a stage."""
    running = _read(stage, pipeline, asks_drift=asks_drift)
    with tempfile.TemporaryDirectory() as name:
        return review(*deployed.sides(stage, running, run, Path(name), is_merged=True), baseline)


def of_run(execution: str, folder: Path) -> Assembly:
    """Return the assembly of a run, unpacked in a folder."""
    return assembly.read(folder, f"run {execution}")


def side(given: str, repository: Repository) -> Revision | Path | str:
    """Return a folder with an assembly, a run's id as it is, or else a revision."""
    folder = Path(given)
    if folder.is_dir() and (folder / "manifest.json").exists():
        return folder
    return given if EXECUTION.fullmatch(given) else repository.revision(given)


def _read(stage: str, pipeline: Pipeline, *, asks_drift: bool) -> list[RunningStack]:
    return [_running(each, pipeline.target, asks_drift=asks_drift) for each in deployed_templates.read(pipeline, stage)]


def _running(each: DeployedTemplate, target: Target, *, asks_drift: bool) -> RunningStack:
    stack, unread, drifted = each.stack, [], []
    if each.is_changing:
        unread.append(f"{stack.stack} is {stack.status}: what runs may be its old template or its new one.")
    elif asks_drift:
        try:
            drifted = drift.detect(target, stack)
        except OperateError as error:
            unread.append(str(error))
    return RunningStack(
        stage=stack.stage,
        service=stack.service,
        place=DeploymentLocation(name=stack.stack, account=stack.account, region=stack.region),
        template=each.text,
        nested=each.nested,
        protected=each.is_protected,
        parameters=each.parameters,
        unread=tuple(unread),
        drifted={
            found.logical_id: (
                found.is_deleted,
                tuple((changed.path, changed.expected, changed.actual) for changed in found.properties),
            )
            for found in drifted
        },
    )
