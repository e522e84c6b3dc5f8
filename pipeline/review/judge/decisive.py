"""Which differences of a pipeline decide what reaches production, or how the pipeline changes itself."""

from collections import Counter
from collections.abc import Collection, Iterable

from pipeline.review.diff.pipeline_settings import COMMANDS
from pipeline.review.diff.pipeline_shape import REMOVES
from pipeline.review.model import Pipeline, PipelineDifference, PipelineStage

OF_A_RESOURCE = "AWS::"
"""Begins what is said of a resource beside the pipeline."""
ADDED, REMOVED = "action added", "action removed"
OF_A_SERVICE = "."
"""In the name of an action of a service's; those without are the pipeline's own."""


def is_decisive(difference: PipelineDifference, pipeline: Pipeline, removals: Collection[str] = ()) -> bool:
    """Return whether it is about what the pipeline follows, builds with, or deploys itself with, or about production.

    A service's own steps decide for that service, and count where they go, or their commands change, in production.
    `removals`: the steps that delete a stack as the pipeline's own do, which is a finding of its own; another one may
    run anything.
    """
    if difference.what == ADDED and REMOVES in difference.action:
        return difference.action not in removals
    if difference.what.startswith(OF_A_RESOURCE):
        return False
    stages = {stage.name: stage for side in (pipeline.before, pipeline.after) for stage in side}
    stage = stages.get(difference.stage)
    if stage is None or not _deploys(stage):  # of the pipeline as a whole, or before the first deployment
        return True
    if difference.what == ADDED or _follows_stacks(difference, pipeline):
        return False
    if difference.action and OF_A_SERVICE not in difference.action:
        return True
    decides = not difference.action or difference.what == COMMANDS or _leaves_its_service(difference, pipeline)
    return decides and stage.name in _production(pipeline)


def follows_a_stack(difference: PipelineDifference, pipeline: Pipeline, stacks: Collection[str]) -> bool:
    """Return whether it is an action of one of these stacks that comes or goes, or commands that only name them.

    Actions of a stack are its deployment, the steps of its service, and the step that removes it.
    """
    if difference.what == COMMANDS:
        return _follows_stacks(difference, pipeline)
    if difference.what not in (ADDED, REMOVED):
        return False
    if REMOVES in difference.action:
        return difference.action.rpartition(REMOVES)[2] in stacks
    service, dot, _ = difference.action.partition(OF_A_SERVICE)
    side = pipeline.after if difference.what == ADDED else pipeline.before
    actions = next((stage.actions for stage in side if stage.name == difference.stage), ())
    own = [action for action in actions if action.name.startswith(f"{service}{OF_A_SERVICE}")]
    return bool(dot) and any(action.target in stacks for action in own)


def _leaves_its_service(difference: PipelineDifference, pipeline: Pipeline) -> bool:
    """Whether a step goes and what it was a step of is still deployed."""
    service, dot, _ = difference.action.partition(OF_A_SERVICE)
    actions = next((stage.actions for stage in pipeline.after if stage.name == difference.stage), ())
    stays = any(action.target and action.name.startswith(f"{service}{dot}") for action in actions)
    return difference.what == REMOVED and bool(dot) and stays


def _follows_stacks(difference: PipelineDifference, pipeline: Pipeline) -> bool:
    """Whether commands only name what their stage deploys more, or no more, as those that protect its stacks do."""
    if difference.what != COMMANDS:
        return False
    was, is_ = (_targets(side, difference.stage) for side in (pipeline.before, pipeline.after))
    before, after = Counter(difference.old.split()), Counter(difference.new.split())
    return set(after - before) <= is_ - was and set(before - after) <= was - is_


def _targets(side: Iterable[PipelineStage], name: str) -> set[str]:
    return {action.target for stage in side if stage.name == name for action in stage.actions if action.target}


def _deploys(stage: PipelineStage) -> bool:
    return any(action.category == "Deploy" for action in stage.actions)


def _production(pipeline: Pipeline) -> set[str]:
    """The stages from the first on that somebody has to agree to, on either side; without any, all that deploy."""
    found: set[str] = set()
    for side in (pipeline.before, pipeline.after):
        approved = [at for at, stage in enumerate(side) if any(action.is_approval for action in stage.actions)]
        found |= {stage.name for stage in side[approved[0] if approved else 0 :]}
    return found
