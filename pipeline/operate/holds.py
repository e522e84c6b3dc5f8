"""A stage that nothing may enter until somebody lets it: CodePipeline's own disabled transition, with its reason.

https://docs.aws.amazon.com/codepipeline/latest/userguide/transitions-disable.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.pipeline import Pipeline, hold_of
from pipeline.operate.run import Hold

REASON = re.compile(r"[a-zA-Z0-9!@ \(\)\.\*\?\-]{1,300}")
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_DisableStageTransition.html"""
ALLOWED = "1-300 letters, digits, spaces and ! @ ( ) . * ? -"
"""Of a reason, by the API."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldChange:
    """A stage, and what was so of it before."""

    stage: str
    before: Hold | None


def hold(pipeline: Pipeline, stage: str, *, why: str) -> HoldChange:
    """Let nothing more into a stage; what is in it goes on. Of one that is held already the reason is replaced."""
    check(why)
    state = _state(pipeline, stage)
    try:
        pipeline.client.disable_stage_transition(
            pipelineName=pipeline.name, stageName=stage, transitionType="Inbound", reason=why
        )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    return HoldChange(stage=stage, before=hold_of(state))


def check(why: str) -> None:
    """Raise unless it can be a hold's reason."""
    if not REASON.fullmatch(why):
        raise OperateError(f"--why {why!r} is not allowed; give {ALLOWED}: CodePipeline keeps nothing else.")


def as_reason(text: str) -> str:
    """Return a text as a hold's reason, with a dot for what CodePipeline does not keep, and shortened."""
    return re.sub(r"[^a-zA-Z0-9!@ ().*?-]", ".", text)[:300]


def resume(pipeline: Pipeline, stage: str) -> HoldChange:
    """Let executions into a stage again; the one that waits before it goes on at once."""
    held = hold_of(_state(pipeline, stage))
    if held is None:
        holds = ", ".join(name for name, each in holds_of(pipeline).items() if each) or "none is"
        raise OperateError(f"Stage {stage} is not held ({holds}), so there is nothing to resume.")
    try:
        pipeline.client.enable_stage_transition(pipelineName=pipeline.name, stageName=stage, transitionType="Inbound")
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    return HoldChange(stage=stage, before=held)


def holds_of(pipeline: Pipeline) -> dict[str, Hold | None]:
    """Return stage -> its hold, if it has one, in the pipeline's order."""
    return {state["stageName"]: hold_of(state) for state in pipeline.states()}


def _state(pipeline: Pipeline, stage: str) -> Mapping[str, Any]:
    states: dict[str, Mapping[str, Any]] = {state["stageName"]: state for state in pipeline.states()}
    if stage not in states:
        raise OperateError(f"The pipeline has no stage {stage}; it has {', '.join(states)}.{suggested(stage, states)}")
    if stage == next(iter(states)):
        raise OperateError(f"{stage} is where executions begin: hold the one after it, {list(states)[1]}.")
    return states[stage]
