"""Web firewalls: that an API's stage has one, and that its rules act as they would without an override."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.library.cloudformation.intrinsics import possible_documents, possible_values
from services.library.cloudformation.policy_text import list_of, policy_text
from services.library.cloudformation.template import Json, Resource, Template, number
from services.library.cloudformation.values import is_open, named_resources
from services.library.guardrails.baseline.guard import LEFT_OUT, PUBLIC_ACCESS, UNKNOWN, Guards, Level, Sides, digest
from services.library.guardrails.finding import Finding

STAGE = "AWS::ApiGateway::Stage"
ASSOCIATION, ACL, RULES = "AWS::WAFv2::WebACLAssociation", "AWS::WAFv2::WebACL", "AWS::WAFv2::RuleGroup"
STRENGTH: Mapping[str, int] = {"Allow": 0, "Count": 1, "Captcha": 2, "Challenge": 2, "None": 3, "Block": 3}
"""What a rule does, and a group of rules; None leaves it to each rule of the group."""
ALLOWS, COUNTS = STRENGTH["Allow"], STRENGTH["Count"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    """One rule of a firewall, as far as it matters to what it lets through."""

    name: str
    priority: float
    strength: int
    statement: str
    excepted: frozenset[str]
    """Rules of its group that do less than they are made for."""
    lets_through: bool
    """Whether what it matches may pass all later rules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Firewall:
    """What stands before one API."""

    acl: Resource
    template: Template
    blocks_by_default: bool
    rules: tuple[_Rule, ...]
    inspects: str
    """How much of a body; empty for AWS's own default."""


def collect(guards: Guards) -> None:
    """An API's stage has one in the tiers that ask for it."""
    template = guards.template
    guarded = [
        set.intersection(
            *(named_resources(each) for each in possible_values(said.properties.get("ResourceArn"), template))
        )
        for said in template.resources(ASSOCIATION)
        if "Condition" not in said.body
    ]
    wanted = guards.place.tier is not None and guards.place.tier.web_firewall
    for stage in template.resources(STAGE):
        level: Level = (1, "on") if any(stage.logical_id in each for each in guarded) else (0, "off")
        guards.add(
            PUBLIC_ACCESS,
            stage,
            "WebFirewall",
            [level],
            floor=(1, "on") if wanted else None,
            locations=("Properties",),
            everywhere=False,
        )


def lowered(sides: Sides) -> Iterator[Finding]:
    """Yield where a firewall refuses less than the one that stood there before, whichever it is now."""
    then, now = (
        [(one, template) for one, template in side.values() if one.type == ASSOCIATION]
        for side in (sides.before, sides.after)
    )
    for association, template in then:
        known = [*_firewalls(association, template)]
        instead = [(other, its) for other, its in now if _about(other) & _about(association)]
        for other, its in instead:
            for why, where, given in _weaker(known, association, other, its):
                yield PUBLIC_ACCESS.broken_by(
                    where,
                    its,
                    what=f"The web firewall refuses less than without the override: {why}.",
                    detail=f"WebFirewall={given}",
                    locations=("Properties",),
                )
        if not any(_where(other, its) == _where(association, template) for other, its in instead):
            yield from _uncovered(association, template, sides, elsewhere=bool(instead))


def _where(association: Resource, template: Template) -> set[str]:
    return {policy_text(each) for each in possible_values(association.properties.get("ResourceArn"), template)}


def _uncovered(association: Resource, template: Template, sides: Sides, *, elsewhere: bool) -> Iterator[Finding]:
    """What is still there, and no longer behind it; of a stage that no association names `collect` says so."""
    named = [one for one in template.resources() if one.logical_id in _about(association)]
    said = not elsewhere and any(one.type == STAGE for one in named)
    if any(one.path in sides.after for one in named) and not said:
        yield PUBLIC_ACCESS.broken_by(
            association,
            template,
            what="No web firewall stands where one does without the override.",
            detail=f"WebFirewall={LEFT_OUT}",
        )


def _about(association: Resource) -> set[str]:
    """What it stands before, by the logical ids; by the text of what names none."""
    value = association.properties.get("ResourceArn")
    return named_resources(value) or {json.dumps(value, sort_keys=True)}


def _weaker(
    known: list[_Firewall], before: Resource, after: Resource, template: Template
) -> Iterator[tuple[str, Resource, str]]:
    """Why, at which resource, and a word for what is there now."""
    found = [*_firewalls(after, template)]
    if not found or not known:
        if known or before.properties.get("WebACLArn") != after.properties.get("WebACLArn"):
            yield "it is another one, whose rules stand in no template here", after, UNKNOWN
        return
    for firewall in found:
        reasons = [reason for other in known for reason in _differences(other, firewall)]
        if reasons:
            yield "; ".join(dict.fromkeys(reasons)), firewall.acl, f"weakened-{digest(firewall.acl.properties)}"


def _differences(before: _Firewall, after: _Firewall) -> Iterator[str]:
    if before.blocks_by_default and not after.blocks_by_default:
        yield "it no longer blocks what no rule matches"
    if before.inspects and before.inspects != after.inspects:
        yield "it looks at another length of bodies"
    for rule in before.rules:
        if rule.strength > ALLOWS and not any(_as_strong(each, rule) for each in after.rules):
            yield f"its rule {rule.name} is gone or does less"
    known = {rule.statement for rule in before.rules if rule.lets_through}
    last = max((rule.priority for rule in after.rules if rule.strength > COUNTS), default=-1)
    for rule in after.rules:
        if rule.lets_through and (rule.priority < last or after.blocks_by_default):
            earlier = [each for each in before.rules if each.statement == rule.statement and each.lets_through]
            if rule.statement not in known or not _no_earlier(rule, after, earlier, before):
                yield f"its rule {rule.name} lets through what later ones would refuse"


def _no_earlier(rule: _Rule, after: _Firewall, earlier: list[_Rule], before: _Firewall) -> bool:
    """Whether a rule that was there already comes before no rule that came before it."""
    first = min(each.priority for each in earlier)
    ahead = {each.statement for each in before.rules if each.priority < first}
    return ahead <= {each.statement for each in after.rules if each.priority < rule.priority}


def _as_strong(rule: _Rule, than: _Rule) -> bool:
    return rule.statement == than.statement and rule.strength >= than.strength and rule.excepted <= than.excepted


def _firewalls(association: Resource, template: Template) -> Iterator[_Firewall]:
    """Each that an association may name; none if one of them is outside the template or cannot be told."""
    named = [template.named_by(each) for each in possible_values(association.properties.get("WebACLArn"), template)]
    acls = [each for each in named if each is not None and each.type == ACL]
    if len(acls) == len(named):
        for acl in acls:
            for properties in possible_documents(acl.properties, template):
                yield _read(acl, properties if isinstance(properties, Mapping) else {}, template)


def _read(acl: Resource, properties: Json, template: Template) -> _Firewall:
    default = properties.get("DefaultAction")
    return _Firewall(
        acl=acl,
        template=template,
        blocks_by_default=isinstance(default, Mapping) and [*default] == ["Block"],
        rules=tuple(_rule(each, template) for each in list_of(properties.get("Rules")) if isinstance(each, Mapping)),
        inspects=json.dumps(properties["AssociationConfig"], sort_keys=True)
        if "AssociationConfig" in properties
        else "",
    )


def _rule(rule: Json, template: Template) -> _Rule:
    """What cannot be told is at its worst: first, and letting everything through."""
    strength = min((_strength(rule.get(name)) for name in ("Action", "OverrideAction") if name in rule), default=0)
    statement, excepted, allows = _plain(rule.get("Statement"), template)
    priority = number(rule.get("Priority"))
    return _Rule(
        name=str(rule.get("Name")),
        priority=(math.inf if strength > COUNTS else -1) if priority is None else priority,
        strength=strength,
        statement=json.dumps([statement, rule.get("RuleLabels")], sort_keys=True),
        excepted=frozenset(excepted),
        lets_through=strength == ALLOWS or (strength > COUNTS and allows),
    )


def _strength(action: object) -> int:
    """Of an action, which is an object with one word."""
    return min((STRENGTH.get(word, 0) for word in action), default=0) if isinstance(action, Mapping) else 0


def _plain(statement: object, template: Template) -> tuple[object, set[str], bool]:
    """A statement without the exceptions of its group; those; and whether something in it may let requests through."""
    if isinstance(statement, list):
        parts = [_plain(each, template) for each in statement]
        return [each for each, _, _ in parts], set().union(*(more for _, more, _ in parts)), any(a for _, _, a in parts)
    if not isinstance(statement, Mapping) or is_open(statement):
        return statement, set(), False
    plain: dict[str, object] = {}
    excepted: set[str] = set()
    allows = "RuleGroupReferenceStatement" in statement and not _harmless(statement, template)
    for name, part in statement.items():
        if name == "ExcludedRules":
            excepted |= {json.dumps(each, sort_keys=True) for each in list_of(part)}
        elif name == "RuleActionOverrides":
            for each in list_of(part):
                strength = _strength(each.get("ActionToUse")) if isinstance(each, Mapping) else 0
                allows = allows or strength == ALLOWS
                excepted |= {json.dumps(each, sort_keys=True)} if strength <= COUNTS else set()
        elif name == "Arn" and (known := template.named_by(part)) is not None:
            # Of addresses, of patterns, of rules: what is in it matters.
            plain[name] = [part, known.properties]
        elif name == "VendorName":
            plain[name], allows = part, allows or part != "AWS"
        else:
            plain[name], more, lets = _plain(part, template)
            excepted |= more
            allows = allows or lets
    return plain, excepted, allows


def _harmless(statement: Json, template: Template) -> bool:
    """Whether a group of our own rules is known, and none of them allows anything."""
    reference = statement["RuleGroupReferenceStatement"]
    group = template.named_by(reference.get("Arn")) if isinstance(reference, Mapping) else None
    if group is None or group.type != RULES:
        return False
    return all(
        isinstance(properties, Mapping)
        and not any(
            not isinstance(each, Mapping) or _rule(each, template).lets_through
            for each in list_of(properties.get("Rules"))
        )
        for properties in possible_documents(group.properties, template)
    )
