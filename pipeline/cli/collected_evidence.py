"""What an approver should know of a run, as it is collected.

What cannot be read is a sentence of the evidence and no error: whoever approves decides what that is worth.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.cli import review_deployed
from pipeline.cli.evidence_text import ACKNOWLEDGEMENTS, ALARMS, DEPLOYED, PUSHED
from pipeline.operate import alarms, evidence, outputs, pushes
from pipeline.operate.artifacts import unpack_assembly
from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.evidence import Evidence
from pipeline.operate.logs import BUILD
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import SKIPPED, Run, Stage
from pipeline.review.diff import guardrails
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review
from pipeline.review.read.assembly import Assembly, UnreadableError
from pipeline.review.render import view
from services.library.contract.names import GATE_SUFFIX, PIPELINE_STAGES, entry_of, gate_of

VERSION = 1
UPKEEP = ("Protect", "Remove-")
"""Begin the names of builds that look at nothing."""
Found = TypeVar("Found")


def collect(pipeline: Pipeline, stage: str, run: Run) -> tuple[dict[str, Any], Review | None]:
    """Return the evidence for a run in front of a stage, and the review if there could be one."""
    _refuse_unknown(pipeline, stage)
    unknown: list[str] = []
    nothing: list[dict[str, Any]] = []
    unread = Evidence(execution="", commit="", rolls_back=False, way_back="")
    before = _read(unknown, DEPLOYED, lambda: evidence.of_stage(pipeline, gate_of(stage)), unread)
    if not before.is_complete:
        looked_at = f"{evidence.ACTIONS_LOOKED_AT:,}"
        unknown.append(f"{DEPLOYED}: none of the last {looked_at} actions deployed there, and no more were looked at")
    with tempfile.TemporaryDirectory() as folder:
        made = _read(unknown, "The run's templates", lambda: _assembly(pipeline, run, Path(folder)), None)
        review = _read(unknown, "The review", lambda: _review(pipeline, stage, made), None)
        given = _read(unknown, ACKNOWLEDGEMENTS, lambda: _acknowledgements(made, stage, review), nothing)
    earlier = list(_earlier(run, stage))
    names = dict.fromkeys([*(entry_of(each.name) for each in earlier), stage])
    document = {
        "version": VERSION,
        "stage": stage,
        "execution": run.execution,
        "commit": run.commit,
        "hotfix": run.hotfix.why if run.hotfix else "",
        "deployed": {"execution": before.execution, "commit": before.commit},
        "review": _judgement(review),
        "pushes": _read(unknown, PUSHED, lambda: _pushes(pipeline, before, run), nothing),
        "checks": [check for each in earlier for check in _checks(each)],
        "left_out": [each.name for each in earlier if each.status == SKIPPED],
        "alarms": _read(unknown, ALARMS, lambda: _firing(pipeline, names), nothing),
        "acknowledgements": given,
        "rolls_back": before.rolls_back,
        "way_back": before.way_back,
    }
    return {**document, "unknown": unknown}, review


def _refuse_unknown(pipeline: Pipeline, stage: str) -> None:
    names = list(dict.fromkeys(entry_of(each["name"]) for each in pipeline.definition()))
    if stage not in names:
        raise OperateError(f"The pipeline has no stage {stage}; it has {', '.join(names)}.{suggested(stage, names)}")


def _read(unknown: list[str], what: str, read: Callable[[], Found], instead: Found) -> Found:
    """Return what is read, or else keep the reason why it cannot be."""
    try:
        return read()
    except (OperateError, UnreadableError, ClientError, BotoCoreError) as error:
        unknown.append(f"{what}: {error}")
        return instead


def _assembly(pipeline: Pipeline, run: Run, folder: Path) -> Assembly:
    unpack_assembly(pipeline, run.execution, folder)
    return review_deployed.of_run(run.execution, folder)


def _review(pipeline: Pipeline, stage: str, run: Assembly | None) -> Review | None:
    baseline = ReviewBaseline(today=datetime.now(UTC).date())
    return review_deployed.of_unpacked_run(stage, run, pipeline, baseline) if run else None


def _judgement(review: Review | None) -> dict[str, Any] | None:
    if review is None:
        return None
    return {
        "headline": view.headline(review),
        "verdict": review.verdict.value,
        "risk": review.risk.value,
        "is_complete": review.complete,
        "is_empty": review.is_empty,
        "findings": [
            {"level": each.level.value, "rule": each.rule, "path": each.path or each.logical_id, "what": each.evidence}
            for each in view.in_front(review)
            if not each.acknowledged
        ],
        "changes": len(review.changes) + len(review.stacks),
        "irreversible": list(review.irreversible),
    }


def _pushes(pipeline: Pipeline, before: Evidence, run: Run) -> list[dict[str, Any]]:
    return [each.to_json() for each in pushes.between(pipeline, after=before.execution, upto=run.execution)]


def _earlier(run: Run, stage: str) -> Iterator[Stage]:
    """Yield the run's stages before this one that deploy something."""
    for each in run.stages:
        if entry_of(each.name) == stage:
            return
        if not each.name.endswith(GATE_SUFFIX) and each.name.lower() not in PIPELINE_STAGES:
            yield each


def _checks(stage: Stage) -> Iterator[dict[str, str]]:
    for action in stage.actions:
        if action.provider == BUILD and not action.name.startswith(UPKEEP) and stage.status != SKIPPED:
            yield {"stage": stage.name, "action": action.name, "status": action.status}


def _firing(pipeline: Pipeline, stages: Iterable[str]) -> list[dict[str, Any]]:
    there = [each for name in stages for each in outputs.read(pipeline, name)]
    return [
        {"stage": each.stage, "service": each.service, "name": each.name, "says": each.says}
        for each in alarms.firing(pipeline.target, there)
    ]


def _acknowledgements(run: Assembly | None, stage: str, review: Review | None) -> list[dict[str, Any]]:
    """Return what is accepted in the stage's stacks; those that this change rests on say so."""
    if run is None:
        return []
    paths = [each.path for each in run.stacks if each.stage == stage]
    given = guardrails.read(run)
    used = {(each.rule, each.path) for each in review.findings if each.acknowledged} if review else set()
    return [
        {"rule": rule, "path": path, "reason": each.text, "owner": each.owner, "expires": each.expires}
        | {"is_used": any(rule == one and path.endswith(place) for one, place in used)}
        for (rule, path), each in sorted({**given.accepted, **given.given}.items())
        if any(path == one or path.startswith(f"{one}/") for one in paths)
    ]
