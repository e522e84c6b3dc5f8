"""What a template is made of must be what its account lets CloudFormation make."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from services.library.cloudformation.template import Resource, Template
from services.library.guardrails.deployment.execution_policy import ExecutionPolicy, Refusal
from services.library.guardrails.deployment.handler_calls import SERVICE_LINKED_ROLES, arns_of, calls_of
from services.library.guardrails.deployment.unused_calls import is_used
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

REFUSED = Rule(
    id="Penstock-DeploymentRefused",
    accepted_by=AcceptedBy.NOBODY,
    text="CloudFormation deploys with its account's execution policy, and would be denied.",
    fix="Allow it there, and deploy that template in each account before the push (docs/aws.md, 2). If what the service"
    " sets is never a reason for the call: services/library/guardrails/deployment/unused_calls.py.",
)
UNKNOWN = Rule(
    id="Penstock-DeploymentUnknown",
    accepted_by=AcceptedBy.PLATFORM,
    text="Nobody knows what CloudFormation calls for this type, so nobody can tell whether its account allows that.",
    fix="If AWS publishes the type's schema: docs/upgrade.md. Otherwise write its calls into"
    " services/library/guardrails/deployment/handler_calls.py.",
)

VERBS = {"c": "create", "r": "read", "u": "update", "d": "delete"}


class RefusedCall(NamedTuple):
    """A call that the policy refuses."""

    action: str
    callers: str
    """The initials of the handlers that make it."""
    refusal: Refusal


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Hold every resource against the policy that CloudFormation has in its account, if that is known."""
    if place.execution is None:
        return
    for resource in template.resources():
        if calls_of(resource.type) is None:
            yield UNKNOWN.broken_by(resource, template, detail=resource.type)
        elif refused := [*_refused(resource, place.execution)]:
            yield REFUSED.broken_by(resource, template, what=_sentence(resource, refused, place.execution))


def _refused(resource: Resource, policy: ExecutionPolicy) -> Iterator[RefusedCall]:
    """List what is refused of what is called for the resource; of one that is kept, nothing is deleted."""
    kept = resource.deletion_policy == resource.update_replace_policy == "Retain"
    for each in refused_calls(resource.type, policy):
        callers = each.callers.replace("d", "") if kept else each.callers
        if callers and is_used(resource.type, each.action, resource.properties):
            yield each._replace(callers=callers)


@cache
def refused_calls(type_: str, policy: ExecutionPolicy) -> tuple[RefusedCall, ...]:
    """List what the policy refuses of all that is ever called for a type."""
    services = SERVICE_LINKED_ROLES.get(type_, ())
    return tuple(
        RefusedCall(action, callers, refusal)
        for action, callers in sorted((calls_of(type_) or {}).items())
        if (refusal := policy.refusal(action, arns_of(action), services))
    )


def _sentence(resource: Resource, refused: Sequence[RefusedCall], policy: ExecutionPolicy) -> str:
    callers = {caller for each in refused for caller in each.callers}
    *verbs, last = (verb for initial, verb in VERBS.items() if initial in callers)
    may = f"{', '.join(verbs)} or {last}" if verbs else last
    by_statement: dict[str, list[str]] = {}
    for each in refused:
        by_statement.setdefault(f"Sid {each.refusal.sid}, {each.refusal.verb}", []).append(each.refusal.action)
    statements = "; ".join(f"{statement} {', '.join(actions)}" for statement, actions in by_statement.items())
    return f"It may not {may} {resource.type}: {policy.file}, {statements}."
