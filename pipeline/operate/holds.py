"""A stage that nothing may enter until somebody lets it: CodePipeline's own disabled transition, with its reason.

https://docs.aws.amazon.com/codepipeline/latest/userguide/transitions-disable.html
CodePipeline forgets it once it has ended, so each is recorded too: in a parameter whose versions are the history.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.pipeline import Pipeline, hold_of
from pipeline.operate.run import Hold
from services.library.contract.names import entry_of, gate_of

REASON = re.compile(r"[a-zA-Z0-9!@ \(\)\.\*\?\-]{1,300}")
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_DisableStageTransition.html"""
ALLOWED = "1-300 letters, digits, spaces and ! @ ( ) . * ? -"
"""Of a reason, by the API."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldChange:
    """A stage, and what was so of it before."""

    stage: str
    before: Hold | None
    unrecorded: str = ""
    """Why it is not in the history, although it is done."""


def hold(pipeline: Pipeline, stage: str, *, why: str) -> HoldChange:
    """Let nothing more into a stage; what is in it goes on. Of one that is held already the reason is replaced.

    With the stage of its approval, if it has one: who is asked would otherwise agree to what cannot go on, and the run
    that was agreed to first would keep newer ones from being asked about.
    """
    check(why)
    states = _states(pipeline, stage)
    try:
        for each in states:
            pipeline.client.disable_stage_transition(
                pipelineName=pipeline.name, stageName=each["stageName"], transitionType="Inbound", reason=why
            )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    unrecorded = _record(pipeline, stage, {"held": True, "why": why})
    return HoldChange(stage=stage, before=_held(states), unrecorded=unrecorded)


def check(why: str) -> None:
    """Raise unless it can be a hold's reason."""
    if not REASON.fullmatch(why):
        raise OperateError(f"--why {why!r} is not allowed; give {ALLOWED}: CodePipeline keeps nothing else.")


def as_reason(text: str) -> str:
    """Return a text as a hold's reason, with a dot for what CodePipeline does not keep, and shortened."""
    return re.sub(r"[^a-zA-Z0-9!@ ().*?-]", ".", text)[:300]


def resume(pipeline: Pipeline, stage: str) -> HoldChange:
    """Let executions into a stage again; the one that waits before it goes on at once."""
    states = _states(pipeline, stage)
    held = _held(states)
    if held is None:
        holds = ", ".join(name for name, each in holds_of(pipeline).items() if each) or "none is"
        raise OperateError(f"Stage {stage} is not held ({holds}), so there is nothing to resume.")
    try:
        for each in states:
            if hold_of(each) is not None:
                pipeline.client.enable_stage_transition(
                    pipelineName=pipeline.name, stageName=each["stageName"], transitionType="Inbound"
                )
    except (ClientError, EndpointConnectionError) as error:
        pipeline.explain(error)
    unrecorded = _record(pipeline, stage, {"held": False, "why": held.why})
    return HoldChange(stage=stage, before=held, unrecorded=unrecorded)


def holds_of(pipeline: Pipeline) -> dict[str, Hold | None]:
    """Return stage -> its hold, if it has one, in the pipeline's order."""
    return {state["stageName"]: hold_of(state) for state in pipeline.states()}


def records_of(pipeline: Pipeline) -> str:
    """Return where in the tools account each stage of the pipeline that was ever held has a parameter."""
    return f"/penstock/holds/{pipeline.name}"


def _record(pipeline: Pipeline, stage: str, what: Mapping[str, Any]) -> str:
    """Record a change, or return why it could not be: who may hold a stage need not be allowed to record it."""
    try:
        pipeline.target.client("ssm").put_parameter(
            Name=f"{records_of(pipeline)}/{stage}",
            Value=json.dumps({**what, "at": datetime.now(UTC).isoformat()}),
            Type="String",
            Overwrite=True,
        )
    except (ClientError, EndpointConnectionError) as error:
        return str(error)
    return ""


def _held(states: Sequence[Mapping[str, Any]]) -> Hold | None:
    return next((held for each in states if (held := hold_of(each))), None)


def _states(pipeline: Pipeline, stage: str) -> list[Mapping[str, Any]]:
    """Return the state of a stage, and after it that of the stage of its approval, if that is right before it."""
    states: dict[str, Mapping[str, Any]] = {state["stageName"]: state for state in pipeline.states()}
    if stage not in states:
        raise OperateError(f"The pipeline has no stage {stage}; it has {', '.join(states)}.{suggested(stage, states)}")
    if stage == next(iter(states)):
        raise OperateError(f"{stage} is where executions begin: hold the one after it, {list(states)[1]}.")
    names = list(states)
    before = names[names.index(stage) - 1]
    return [states[stage], *([states[before]] if before == gate_of(entry_of(stage)) else [])]
