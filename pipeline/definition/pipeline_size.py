"""How large a pipeline becomes, from its catalogue alone: known before the first construct is made."""

from collections.abc import Collection

from pipeline.catalogue.model import Catalogue, Removal, Stage, Wave, stages_of
from pipeline.catalogue.release import approves_unchanged, asks_approval, bakes, has_gate, removed_last
from pipeline.definition.protected_groups import groups
from services.library.guardrails.rules.quotas import PIPELINE_QUOTAS

ALWAYS = 4
"""Source, synth, self-mutation and the publishing of assets."""
UNIT_TESTS = 1
"""Of the first stage that has services."""
OF_AN_APPROVAL = 3
"""What is known of what would be deployed, the digest of both, and the approval."""
INDENTED_ACTIONS = 400
"""A template with more is written without indentation, which is a third of its bytes: 794 actions took 922,110 of the
1,000,000 that CloudFormation reads, and 581,438 without. What people compare is the review, which reads templates."""
MOST_IN_A_STAGE = 50
"""Actions of one stage of a pipeline; CDK Pipelines makes several of a larger one.
https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html"""
WARNED_SHARE = 0.9


def actions(catalogue: Catalogue, removals: Collection[Removal]) -> int:
    """Count the actions of the pipeline over this catalogue, as if every service had something to watch."""
    gates = sum(map(has_gate, catalogue)) + OF_AN_APPROVAL * sum(map(asks_approval, catalogue))
    rules = sum(map(approves_unchanged, catalogue)) + sum(map(bakes, catalogue))
    tests = UNIT_TESTS if any(stage.services for stage in stages_of(catalogue)) else 0
    removing = len(removals) + bool(removed_last(catalogue, removals))
    return ALWAYS + tests + removing + gates + rules + sum(map(_actions_of, stages_of(catalogue)))


def actions_of(entry: Stage | Wave) -> int:
    """Count the actions behind the gate of a stage or wave, without removals and unit tests."""
    return sum(map(_actions_of, entry.stages)) + bakes(entry)


def warning(count: int) -> str:
    """Say how many actions are left where that is few; empty where it is not."""
    most = PIPELINE_QUOTAS["actions"]
    if count < WARNED_SHARE * most:
        return ""
    return f"The pipeline has {count:,} of the {most:,} actions that CodePipeline allows. What to do: docs/scale.md."


def _actions_of(stage: Stage) -> int:
    if not stage.services:
        return 0
    around = sum(len(service.before) + len(service.after) for service in stage.services)
    environment = stage.environment
    protected = [each.stack_name(environment) for each in stage.services] if environment.keeps_data else []
    return len(stage.services) + around + len(list(groups(protected)))
