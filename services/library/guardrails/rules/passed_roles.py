"""A role that CloudFormation passes must be one of its own stack, and for a service that may be passed one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from services.library.cloudformation.intrinsics import possible_values
from services.library.cloudformation.policy_text import list_of, policy_text
from services.library.cloudformation.template import Resource, Template
from services.library.cloudformation.values import is_function
from services.library.guardrails.deployment.execution_policy import ExecutionPolicy
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

RULE = Rule(
    id="Penstock-PassedRole",
    accepted_by=AcceptedBy.PLATFORM,
    text="A service acts in the role that it is passed, whoever made that one. CloudFormation may pass what our stacks"
    " made, which is within the boundary, and to the services that are listed.",
    fix="Make the role in the same stack (in the CDK: the library's Role). A service that is not listed is added to Sid"
    " RolesForServices of the account's template, and that deployed before the push (docs/aws.md, 2).",
)
ROLE = "AWS::IAM::Role"
ROLE_PROPERTY = re.compile(r"\w*Role(Arn|ARN)?|Credentials")
"""How properties are called whose role a service is to act in: `Role`, `CloudWatchRoleArn`."""
ELSEWHERE = frozenset({"Environment", "Metadata", "Tags", "Variables"})
"""Parts of properties whose names are anybody's to choose."""
PIPELINE, STAGES = "AWS::CodePipeline::Pipeline", "Stages"
"""The roles of actions are assumed by the pipeline's own role, which the boundary lets do so or not."""
REGION = re.compile(r"(?<=\.)[a-z]{2}(-[a-z]+)+-\d\.")
"""In a service's older name, such as states.eu-west-1.amazonaws.com."""


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Look at every property that names a role, whichever way each condition turns out."""
    for resource in template.resources():
        for location, value in _roles(resource):
            for each in possible_values(value, template):
                if each is not None and (what := _problem(each, template, place.execution)):
                    yield RULE.broken_by(
                        resource, template, what=what, detail=policy_text(each), locations=(f"Properties.{location}",)
                    )


def _roles(resource: Resource) -> Iterator[tuple[str, Any]]:
    if resource.type.startswith("AWS::IAM::"):
        return
    skipped = {*ELSEWHERE, STAGES} if resource.type == PIPELINE else ELSEWHERE
    yield from _below(resource.properties, "", skipped)


def _below(value: Any, path: str, skipped: frozenset[str] | set[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from _below(each, path, skipped)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name not in skipped:
                location = f"{path}.{name}".lstrip(".")
                if ROLE_PROPERTY.fullmatch(name) and (isinstance(part, str) or is_function(part)):
                    yield location, part
                yield from _below(part, location, skipped)


def _problem(value: Any, template: Template, execution: ExecutionPolicy | None) -> str:
    role = template.named_by(value)
    if role is None or role.type != ROLE:
        return f"{policy_text(value)} is no role of this template."
    services = {*_services(role, template)}
    refusal = execution.pass_refusal(services) if execution and services else None
    if execution is None or refusal is None:
        return ""
    return f"{execution.file}, Sid {refusal.sid}, {refusal.verb} {refusal.action}."


def _services(role: Resource, template: Template) -> Iterator[str]:
    """Yield the services that a role trusts, by their names in this partition."""
    document = role.properties.get("AssumeRolePolicyDocument")
    for statement in list_of(document.get("Statement")) if isinstance(document, Mapping) else ():
        principal = statement.get("Principal") if isinstance(statement, Mapping) else None
        for each in list_of(principal.get("Service")) if isinstance(principal, Mapping) else ():
            for name in possible_values(each, template):
                yield REGION.sub("", policy_text(name))
