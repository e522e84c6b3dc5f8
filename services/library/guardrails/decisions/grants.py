"""The statements of one role's policy, against the grants that a construct makes."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from services.library.cloudformation.template import Json, Resource, Template
from services.library.guardrails.decisions.decision import Cause

Allowed = Callable[[str, Cause], bool]
"""Whether a grant may name a resource, which is spelled as cdk-nag does, but with construct paths for logical ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What one statement may allow: these actions or fewer, on these resources, under exactly these conditions."""

    actions: frozenset[str]
    resources: Allowed
    conditions: Json = field(default_factory=dict)


def one_of(*resources: str) -> Allowed:
    """Allow the resources that are spelled so; `{scope}` stands for the construct's path."""
    return lambda spelled, cause: spelled in {each.replace("{scope}", cause.scope) for each in resources}


def granted(*grants: Grant, to: str = "") -> Callable[[Cause], bool]:
    """Hold if every statement that causes an IAM5 finding is one of these grants, to the role above the policy alone.

    `to`: the service that assumes the role, where the path does not say whose role it is.
    """

    def holds(cause: Cause) -> bool:
        role = _only_role(cause.resource, cause.template)
        statements = _statements(cause.resource)
        if role is None or statements is None or (to and not is_assumed_by(role, to)):
            return False
        causing = [each for each in statements if _causes(each, cause)]
        return bool(causing) and all(any(_is_granted(each, grant, cause) for grant in grants) for each in causing)

    return holds


def _only_role(policy: Resource, template: Template) -> Resource | None:
    """Find the role that a policy belongs to; None if it is for anybody else, too."""
    match policy.properties:
        case {"Roles": [only]} if not {"Users", "Groups"} & policy.properties.keys():
            role = template.named_by(only)
            above = policy.path.rpartition("/")[0].rpartition("/")[0]
            return role if role is not None and role.path == f"{above}/Resource" else None
    return None


def is_assumed_by(role: Resource, service: str) -> bool:
    """Say whether this service, and nobody else, may assume a role."""
    match role.properties.get("AssumeRolePolicyDocument"):
        case {"Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": principal}]}:
            return bool(principal == {"Service": service})
    return False


def _statements(policy: Resource) -> list[Json] | None:
    """List what a policy allows; None if a part of it is known only at deployment."""
    document = policy.properties.get("PolicyDocument")
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    if not isinstance(statements, list) or not all(
        isinstance(each, Mapping) and _is_plain(each) for each in statements
    ):
        return None
    return [each for each in statements if each["Effect"] == "Allow"]


def _is_plain(statement: object) -> bool:
    match statement:
        case {"Effect": "Deny"}:
            return True
        case {"Effect": "Allow", "Action": action, "Resource": resource}:
            return all(isinstance(each, str) for each in _listed(action)) and None not in map(
                _flattened, _listed(resource)
            )
    return False


def _causes(statement: Json, cause: Cause) -> bool:
    detail = cause.finding.rule.partition("[")[2].removesuffix("]")
    kind, _, value = detail.partition("::")
    if kind == "Action":
        return value in _listed(statement["Action"])
    return value in map(_flattened, _listed(statement["Resource"]))


def _is_granted(statement: Json, grant: Grant, cause: Cause) -> bool:
    if statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        return False
    return (
        grant.actions.issuperset(_listed(statement["Action"]))
        and statement.get("Condition", {}) == grant.conditions
        and all(grant.resources(spelled, cause) for spelled in _resources_that_matter(statement, cause))
    )


def _resources_that_matter(statement: Json, cause: Cause) -> Iterator[str]:
    """Spell the resources that matter: all of them for a wildcard action; else the one that the finding is about."""
    for each in _listed(statement["Resource"]):
        flat = _flattened(each) or ""
        if "[Action::" in cause.finding.rule or f"[Resource::{flat}]" in cause.finding.rule:
            yield _by_path(flat, cause.template)


def _by_path(flat: str, template: Template) -> str:
    paths = {each.logical_id: each.path for each in template.resources()}
    return re.sub(r"<([A-Za-z0-9]+)(\.[A-Za-z0-9.]+)?>", lambda m: f"<{paths.get(m[1], m[1])}{m[2] or ''}>", flat)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _flattened(value: object) -> str | None:
    """Spell a resource as cdk-nag's flattenCfnReference does; None for functions that it leaves as JSON."""
    match value:
        case str(text) | {"Fn::Sub": str(text)}:
            return text.replace("${", "<").replace("}", ">")
        case {"Fn::Join": [str(separator), [*parts]]}:
            flat = [_flattened(each) for each in parts]
            return None if None in flat else separator.join(each or "" for each in flat)
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
        case {"Ref": str(name)}:
            return f"<{name}>"
        case Mapping() if "*" not in json.dumps(value):
            return json.dumps(value)
    return None
