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
        templates = deployed_templates.read(pipeline, stage)
        running = [_running(each, pipeline.target, asks_drift=asks_drift) for each in templates]
        if isinstance(head, str):
            unpack_assembly(pipeline, head, folder / "run")
            after = assembly.read(folder / "run", f"run {head}")
        else:
            after = synthesis.head(head)
        sides = deployed.sides(stage, running, after, folder / "running", is_merged=isinstance(head, str))
        return review(*sides, baseline)


def side(given: str, repository: Repository) -> Revision | Path | str:
    """Return a folder with an assembly, a run's id as it is, or else a revision."""
    folder = Path(given)
    if folder.is_dir() and (folder / "manifest.json").exists():
        return folder
    return given if EXECUTION.fullmatch(given) else repository.revision(given)


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
