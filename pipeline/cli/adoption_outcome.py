"""What would become of a deployed stack as a service: its changes, what guardrails find, what its roles are called."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.catalogue.model import Stage
from pipeline.cli import single_stack
from pipeline.operate.foreign_stack import ForeignStack
from pipeline.review.engine import review
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import DeploymentLocation, Level, ResourceChange, ResourceOutcome, Review
from pipeline.review.read.adopted import deployed as as_deployed
from pipeline.review.read.assembly import Assembly
from pipeline.review.read.assembly import Stack as ReviewedStack
from pipeline.scaffold import adopted_service
from pipeline.scaffold.adopted_service import DeployedStack
from pipeline.scaffold.errors import ScaffoldError
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.constructs.adopted_stack import AdoptedService
from services.library.guardrails.finding import Finding

IDENTITIES = {"AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Role": "RoleName"}
"""Types that an account's foundation knows by their names, and the property that gives one."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the adopted stack would be."""

    review: Review
    findings: tuple[Finding, ...]
    """What nobody has accepted."""
    stack_path: str
    resolved: ResolvedTemplate
    """What is deployed."""


def outcome_of(root: Path, stage: Stage, value: AdoptedService, stack: DeployedStack) -> Outcome:
    """Build and judge the service, and compare it with what is deployed."""
    environment = stage.environment
    with tempfile.TemporaryDirectory() as folder:
        app, built = single_stack.build(folder, single_stack.context(root), stage, value)
        made = built.stacks[value.name]
        assembly = Path(built.synth(skip_validation=True).directory)
        judgement = single_stack.judge(app, assembly, built)
        after = ReviewedStack(
            path=made.node.path,
            stage=stage.name,
            service=value.name,
            place=DeploymentLocation(name=stack.name, account=environment.account, region=environment.region),
            file=assembly / made.template_file,
            protected=bool(made.termination_protection),
        )
        before = as_deployed(after, json.dumps(adopted_service.document(stack)))
        sides = [
            Assembly(label=label, stacks=(each,), stages=(stage.name,))
            for label, each in (("what is deployed", before), ("the service", after))
        ]
        found = review(sides[0], sides[1], ReviewBaseline(fail_on=Level.HIGH, today=datetime.now(UTC).date()))
        return Outcome(review=found, findings=judgement.failed, stack_path=made.node.path, resolved=before.resolve())


def refuse_losses(found: Review, stack: DeployedStack) -> None:
    """Raise with each resource that would not stay what it is."""
    lost = [f"{each.logical_id} ({each.type}): {_why(each)}" for each in found.changes if not _stays(each)]
    unknown = list(found.incomplete)
    if lost or unknown:
        listed = "\n".join(f"  {each}" for each in (*lost, *unknown))
        raise ScaffoldError(f"Stack {stack.name} would not stay as it is, so nothing was changed.\n{listed}")


def _stays(change: ResourceChange) -> bool:
    return change.outcome in (ResourceOutcome.UPDATE, ResourceOutcome.NONE) and not change.paired_with


def _why(change: ResourceChange) -> str:
    differing = ", ".join(each.path for each in change.properties)
    return f"{change.outcome.value}{f' by {differing}' if differing else ''}"


def role_names_of(deployed: ResolvedTemplate, foreign: ForeignStack, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of roles and policies that begin otherwise than CloudFormation would have them."""
    found = dict(foreign.identities)
    for resource in deployed.resources.values():
        name = resource.properties.get(IDENTITIES.get(resource.type, ""))
        if isinstance(name, str):
            found.setdefault(resource.logical_id, name)
        elif name is not None and resource.logical_id not in found:
            raise ScaffoldError(
                f"{foreign.source}: only the deployment knows the name of {resource.logical_id}. Leave TEMPLATE out, so"
                " that it is read from the account."
            )
    beginnings = tuple(each.rstrip("*") for each in patterns)
    return tuple(sorted(name for name in found.values() if not name.startswith(beginnings)))
