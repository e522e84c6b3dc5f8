"""What the policies of a stack keep out, and on which conditions they let somebody in, against those of before."""

import json
from collections.abc import Iterator, Mapping, Sequence

from services.library.cloudformation.intrinsics import entries, possible_documents
from services.library.cloudformation.policy_text import list_of, policy_text
from services.library.cloudformation.template import Json, Resource, Template
from services.library.cloudformation.values import named_resources
from services.library.guardrails.baseline.coverage import is_looser, missing_elements
from services.library.guardrails.baseline.guard import LEFT_OUT, PUBLIC_ACCESS, Sides, digest
from services.library.guardrails.baseline.policies import POLICIES, certain, statements
from services.library.guardrails.finding import Finding

Side = tuple[Resource, Template]
ONE_ALONE = {type_: (whose, naming) for whose, types in POLICIES.items() for type_, naming in types.items()}
"""Of each type: the type that it is for, and how it names that."""
MEANING = ("Conditions", "Mappings", "Parameters")
"""What decides how a template comes out."""


def lowered(sides: Sides) -> Iterator[Finding]:
    """Yield each Deny that covers less than it did, and each Allow that asks for less."""
    for path, (resource, template) in sides.before.items():
        known = [*statements(resource.properties, template)]
        if resource.type == "AWS::EC2::VPCEndpoint" or not known:
            continue
        holders = _holders(path, resource, sides)
        denied = [statement for _, statement in known if statement.get("Effect") == "Deny"]
        if not holders and denied and _is_missed(resource, template, sides):
            holders = [(Resource(logical_id="", type="", path=path, body={}), template)]
        for holder, its in holders:
            sides_of_it = (resource, template), (holder, its)
            if not _is_same(*sides_of_it) or (denied and _is_detached(*sides_of_it)):
                yield from _narrowed(denied, *sides_of_it)
            yield from _opened([statement for _, statement in known], resource, holder, its)


def _holders(path: str, resource: Resource, sides: Sides) -> list[tuple[Resource, Template]]:
    """Where the policy is now: at the same path, and in whatever takes its place at deployment."""
    about = _about(resource, sides.before[path][1])
    return [
        (other, template)
        for there, (other, template) in sides.after.items()
        if (there == path and other.type == resource.type) or about & _about(other, template)
    ]


def _about(policy: Resource, template: Template) -> set[tuple[str, str]]:
    """Whose one policy it is."""
    whose, naming = ONE_ALONE.get(policy.type, ("", ""))
    return {(whose, policy_text(each)) for each in entries(policy.properties.get(naming), template)}


def _is_missed(resource: Resource, template: Template, sides: Sides) -> bool:
    """Whether something that a policy was for is still there."""
    named = {each.logical_id: each.path for each in template.resources()}
    return any(named.get(logical_id) in sides.after for logical_id in named_resources(resource.properties))


def _is_same(before: Side, after: Side) -> bool:
    (was, template), (now, its) = before, after
    return was.body == now.body and all(its.body.get(each) == template.body.get(each) for each in MEANING)


def _is_detached(before: Side, after: Side) -> bool:
    """Return whether a policy is no longer attached to something that is still there."""
    there = {each.logical_id for each in after[1].resources()}
    return bool(_targets(*before) & there - _targets(*after))


def _narrowed(denied: Sequence[Json], before_it: Side, after_it: Side) -> Iterator[Finding]:
    (before, _), (after, template) = before_it, after_it
    ways = certain(after.properties, template) if denied else []
    if denied and (after.body.get("Condition") != before.body.get("Condition") or _is_detached(before_it, after_it)):
        ways = [*ways, []]
    for known in denied:
        worst = max((_missing(known, statements_) for statements_ in ways), key=len)
        if worst:
            gone = "Effect" in worst
            given = LEFT_OUT if gone else f"narrowed-{digest(ways)}"
            said = "is left out, or may be" if gone else f"covers less by its {' and '.join(worst)}"
            yield PUBLIC_ACCESS.broken_by(
                _as(before, after),
                template,
                what=f"The Deny of {_actions(known)} {said}; the baseline is all that it covers without the override.",
                detail=f"Deny.{_actions(known)}={given}",
                locations=("Properties",),
            )


def _missing(known: Json, now: Sequence[Json]) -> list[str]:
    """In what a Deny is covered less: each of its actions may be kept out by another statement."""
    denials = [each for each in now if each.get("Effect") == "Deny"]
    actions = known.get("Action")
    parts = [{**known, "Action": each} for each in actions] if isinstance(actions, list) else [known]
    lacking = (min((missing_elements(each, part) for each in denials), key=len, default=["Effect"]) for part in parts)
    return max(lacking, key=len, default=[])


def _targets(policy: Resource, template: Template) -> set[str]:
    """Whom or what it is for, however the template comes out: what it names, and what names it."""
    ways = [
        named_resources({name: part for name, part in way.items() if not [*statements(part, template)]})
        if isinstance(way, Mapping)
        else set[str]()
        for way in possible_documents(policy.properties, template)
    ]
    by_it = {
        each.logical_id
        for each in template.resources("AWS::IAM::Role")
        if policy.logical_id in named_resources(each.properties.get("ManagedPolicyArns"))
    }
    return set.intersection(*ways) | by_it


def _opened(known: Sequence[Json], before: Resource, after: Resource, template: Template) -> Iterator[Finding]:
    """Of an Allow of a resource's own policy: one that says to whom."""
    conditional = [each for each in known if each.get("Effect") == "Allow" and "Condition" in each]
    for location, statement in statements(after.properties, template) if conditional else ():
        if "Principal" in statement and statement.get("Effect") != "Deny" and statement not in known:
            for each in conditional:
                if is_looser(statement, each):
                    yield PUBLIC_ACCESS.broken_by(
                        _as(before, after),
                        template,
                        what=f"The Allow of {_actions(each)} asks for less than without the override:"
                        f" {json.dumps(each['Condition'])}.",
                        detail=f"Allow.{_actions(each)}=loosened-{digest(statement)}",
                        locations=(location,),
                    )
                    break


def _as(before: Resource, after: Resource) -> Resource:
    return after if after.type else before


def _actions(statement: Json) -> str:
    return ",".join(sorted(map(policy_text, list_of(statement.get("Action", statement.get("NotAction"))))))
