"""Whether a web firewall refuses less than the one before it, by its default, its limits, its order and its groups."""

from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.baseline.compare import lowered
from services.library.guardrails.finding import DeploymentLocation

BLOCKS: dict[str, Any] = {"Block": {}}
ALLOWS: dict[str, Any] = {"Allow": {}}
LONG = {"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_64"}}}
SHORT = {"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_16"}}}
GROUP = {"RuleGroupReferenceStatement": {"Arn": {"Fn::GetAtt": ["Group", "Arn"]}}}


def rule(name: str, action: str, priority: int, **changed: Any) -> dict[str, Any]:
    """A rule that matches by its name; an override of a group's action where there is one."""
    statement = {"ByteMatchStatement": {"SearchString": name}}
    return {"Name": name, "Priority": priority, "Action": {action: {}}, "Statement": statement} | changed


def group(priority: int, **statement: Any) -> dict[str, Any]:
    given = statement or GROUP
    return {"Name": "Group", "Priority": priority, "OverrideAction": {"None": {}}, "Statement": given}


def acl(*rules: object, default: object = ALLOWS, **changed: Any) -> dict[str, Any]:
    return {"DefaultAction": default, "Rules": [*rules], **changed}


def template(firewall: dict[str, Any] | None, named: object, rules: list[Any]) -> Template:
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "Balancer": ("ElasticLoadBalancingV2::LoadBalancer", {"Scheme": "internal"}),
        "Association": ("WAFv2::WebACLAssociation", {"ResourceArn": {"Ref": "Balancer"}, "WebACLArn": named}),
        "Group": ("WAFv2::RuleGroup", {"Rules": rules}),
    }
    if firewall is not None:
        bodies["Acl"] = ("WAFv2::WebACL", firewall)
    return Template(
        {"Resources": {name: {"Type": f"AWS::{type_}", "Properties": said} for name, (type_, said) in bodies.items()}}
    )


def weaker(
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    *,
    named: tuple[object, object] = ({"Fn::GetAtt": ["Acl", "Arn"]},) * 2,
    rules: list[Any] | None = None,
) -> str:
    """Why the one after refuses less; empty if it does not."""
    sides = (template(each, name, rules or []) for each, name in zip((before, after), named, strict=True))
    was, now = ([each] for each in sides)
    return "; ".join(each.text for each in lowered(was, now, DeploymentLocation(keeps_data=True)))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (acl(default=BLOCKS), acl(), "no longer blocks what no rule matches"),
        (acl(default=BLOCKS), acl(default={"Fn::If": ["Perhaps", BLOCKS, ALLOWS]}), "no longer blocks"),
        (acl(default=BLOCKS), acl(default={"Fn::ImportValue": "default"}), "no longer blocks"),
        (acl(default=BLOCKS), acl(default=BLOCKS), ""),
        (acl(), acl(default=BLOCKS), ""),
        (acl(AssociationConfig=LONG), acl(), "another length of bodies"),
        (acl(AssociationConfig=LONG), acl(AssociationConfig=SHORT), "another length of bodies"),
        (acl(AssociationConfig=LONG), acl(AssociationConfig=LONG), ""),
        (acl(), acl(AssociationConfig=LONG), ""),
    ],
)
def test_a_firewall_is_weaker_with_a_lesser_default_or_limit(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    found = weaker(before, after)
    assert said in found
    assert bool(found) == bool(said)


FIRST, SECOND = rule("One", "Block", 1), rule("Two", "Block", 3)


@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [
        # What was let through before is so in the same place, or later.
        (acl(FIRST, rule("Pass", "Allow", 2), SECOND), acl(FIRST, rule("Pass", "Allow", 2), SECOND), False),
        (acl(FIRST, rule("Pass", "Allow", 2), SECOND), acl(FIRST, SECOND, rule("Pass", "Allow", 9)), False),
        (acl(FIRST, rule("Pass", "Allow", 2), SECOND), acl(rule("Pass", "Allow", 0), FIRST, SECOND), True),
        (acl(FIRST, SECOND, rule("Pass", "Allow", 9)), acl(FIRST, rule("Pass", "Allow", 2), SECOND), True),
        (acl(FIRST, SECOND), acl(FIRST, rule("Pass", "Allow", 2), SECOND), True),
        # What blocks by default lets through by its rules alone, whichever comes last.
        (acl(FIRST, default=BLOCKS), acl(FIRST, rule("Pass", "Allow", 9), default=BLOCKS), True),
        (acl(rule("Pass", "Allow", 0), FIRST), acl(rule("Pass", "Allow", 0), FIRST, default=BLOCKS), False),
    ],
)
def test_a_firewall_is_weaker_with_an_earlier_rule_that_lets_through(
    before: dict[str, Any], after: dict[str, Any], *, passes: bool
) -> None:
    found = weaker(before, after)
    assert ("its rule Pass lets through what later ones would refuse" in found) is passes
    assert bool(found) is passes


@pytest.mark.parametrize(
    ("rules", "statement", "passes"),
    [
        ([rule("In", "Block", 0), rule("Counted", "Count", 1)], GROUP, False),
        ([], GROUP, False),
        ([rule("In", "Block", 0), rule("Let", "Allow", 1)], GROUP, True),
        ([{"Fn::ImportValue": "rule"}], GROUP, True),
        (["text"], GROUP, True),
        ([{"Fn::If": ["Perhaps", rule("In", "Block", 0), rule("In", "Allow", 0)]}], GROUP, True),
        ([rule("In", "Block", 0)], {"RuleGroupReferenceStatement": {"Arn": {"Ref": "Balancer"}}}, True),
        ([rule("In", "Block", 0)], {"RuleGroupReferenceStatement": {"Fn::ImportValue": "group"}}, True),
    ],
)
def test_a_group_before_other_rules_must_be_known_to_let_nothing_through(
    rules: list[Any], statement: dict[str, Any], *, passes: bool
) -> None:
    found = weaker(acl(FIRST), acl(group(0, **statement), FIRST), rules=rules)
    assert ("its rule Group lets through" in found) is passes


def test_a_firewall_elsewhere_is_compared_by_its_name_alone() -> None:
    one, other = "arn:aws:wafv2:eu-west-1:1:one", "arn:aws:wafv2:eu-west-1:1:other"
    here = {"Fn::GetAtt": ["Acl", "Arn"]}
    assert weaker(None, None, named=(one, one)) == ""
    assert "it is another one" in weaker(None, None, named=(one, other))
    assert "it is another one" in weaker(None, acl(FIRST), named=(one, here))
    assert "it is another one" in weaker(acl(FIRST), None, named=(here, one))
