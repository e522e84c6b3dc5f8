"""How a run can leave stages out: by a variable of the pipeline that each stage asks before it is entered.

`penstock hotfix` starts such a run. A push leaves the variable as it is, so every stage is entered. Nothing before the
stages can be left out: no run is without synth, guardrails, self-mutation and assets.
"""

import re
from collections.abc import Sequence

from aws_cdk import aws_codepipeline as codepipeline

from pipeline.catalogue.model import Catalogue
from services.library.contract.names import (
    ALARMS_VARIABLE,
    EVERY_STAGE,
    HEEDED,
    REASON_VARIABLE,
    STAGES_VARIABLE,
    UNHEEDED,
    entry_of,
)

ORDINARY = "none: an ordinary run"


def variables() -> list[codepipeline.Variable]:
    """What a run may be started with."""
    return [
        codepipeline.Variable(
            variable_name=STAGES_VARIABLE,
            default_value=EVERY_STAGE,
            description="The stages to enter, with commas; or every",
        ),
        codepipeline.Variable(
            variable_name=REASON_VARIABLE, default_value=ORDINARY, description="Why the others are left out"
        ),
        codepipeline.Variable(
            variable_name=ALARMS_VARIABLE,
            default_value=HEEDED,
            description=f"Whether a gate heeds alarms that fire; or {UNHEEDED}",
        ),
    ]


def add_conditions(
    pipeline: codepipeline.CfnPipeline, names: Sequence[str], catalogue: Catalogue, *, besides: Sequence[str]
) -> None:
    """Have each stage and wave be skipped by runs that name others. `names`: those of the pipeline's stages, in order.

    `besides`: what else acts on environments, and must be left out by a run that enters some of them alone.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html
    """
    for name in (*(entry.label for entry in catalogue), *besides):
        for position, found in enumerate(names):
            # A run that enters prod enters prod-gate, where it waits for its approval.
            if entry_of(found) == name:
                pipeline.add_property_override(f"Stages.{position}.BeforeEntry", {"Conditions": [_enters(name)]})


def _enters(stage: str) -> dict[str, object]:
    kind = {"Category": "Rule", "Owner": "AWS", "Provider": "VariableCheck", "Version": "1"}
    # Anchored, because AWS does not say whether an expression must match all of the text or a part of it.
    among = f"^({EVERY_STAGE}|(.*,)?{re.escape(stage)}(,.*)?)$"
    check = {"Variable": f"#{{variables.{STAGES_VARIABLE}}}", "Operator": "MATCHES", "Value": among}
    return {"Result": "SKIP", "Rules": [{"Name": "Wanted", "RuleTypeId": kind, "Configuration": check}]}
