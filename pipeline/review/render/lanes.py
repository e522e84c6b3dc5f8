"""The pipeline drawn before and after, with what goes and what comes marked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.review.model import Action, Level, Pipeline, PipelineStage
from pipeline.review.render import view
from pipeline.review.render.escape import markup
from pipeline.review.render.words import counted_noun

SHOWN = 8
"""Actions in a box before the rest is only counted; those that differ are always shown."""


def drawn(pipeline: Pipeline) -> Iterator[str]:
    """HTML, if the pipeline differs at all."""
    if not (pipeline.differences or pipeline.self_mutates):
        return
    yield f'<section data-group><h2>The pipeline itself</h2><div class="card" {_of_everything()}>'
    before, after = (tuple(map(_without_numbers, side)) for side in (pipeline.before, pipeline.after))
    if before != after:
        yield '<div class="lanes">'
        yield _lane("before", before, after, "was")
        yield _lane("after", after, before, "becomes")
        yield "</div>"
    for each in pipeline.differences:
        place = " / ".join(part for part in (each.stage, each.action) if part) or "pipeline"
        values = (
            f": <code>{markup(each.old) or 'nothing'}</code> → <code>{markup(each.new) or 'nothing'}</code>"
            if view.has_short_values(each)
            else ""
        )
        yield f'<p><span class="name">{markup(place)}</span>: {markup(each.what)}{values}</p>'
    if pipeline.self_mutates:
        restarts = " and starts it anew with its new definition" if pipeline.restarts else ""
        yield f'<p class="faint">This push updates the pipeline before it deploys{restarts}.</p>'
    if not pipeline.rollback_available:
        yield '<p class="faint">A stage cannot roll back to the run before this one: its structure was another.</p>'
    yield "</div></section>"


def _of_everything() -> str:
    return f'data-service="pipeline" data-stages="[]" data-risk="{Level.NONE.rank}"'


def _lane(name: str, stages: Sequence[PipelineStage], others: Sequence[PipelineStage], mark: str) -> str:
    other = {stage.name: set(stage.actions) for stage in others}
    boxes = "".join(_box(stage, other.get(stage.name), mark) for stage in stages)
    return f'<div class="lane"><b>{name}</b><div class="flow">{boxes or "none"}</div></div>'


def _without_numbers(stage: PipelineStage) -> PipelineStage:
    """The stage with its actions in running order, as they would be if nothing came or went before them."""
    return replace(stage, actions=tuple(replace(action, order=0) for action in stage.actions))


def _box(stage: PipelineStage, other: set[Action] | None, mark: str) -> str:
    """A stage with its actions, or their number if they are the same on both sides."""
    if other == set(stage.actions):
        count = counted_noun(len(stage.actions), "action")
        return f'<div class="box"><b>{markup(stage.name)}</b><ol><li>{count}</li></ol></div>'
    marked = f" {mark}" if other is None else ""
    items = [(action, other is not None and action not in other) for action in stage.actions]
    shown = [pair for at, pair in enumerate(items) if pair[1] or at < SHOWN]
    listed = "".join(_action(action, mark if differs else "") for action, differs in shown)
    rest = f"<li>and {len(items) - len(shown)} more</li>" if len(items) > len(shown) else ""
    return f'<div class="box{marked}"><b>{markup(stage.name)}</b><ol>{listed}{rest}</ol></div>'


def _action(action: Action, mark: str) -> str:
    classes = " ".join(name for name in ("approval" if action.is_approval else "", mark) if name)
    attribute = f' class="{classes}"' if classes else ""
    return f'<li{attribute} title="{markup(action.name)}">{markup(action.name)}</li>'
