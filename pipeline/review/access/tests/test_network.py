"""Security group rules that are hard to read: what nobody knows before the deployment is a change of access as well."""

from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.review.access import network
from pipeline.review.access.tests.test_changes import OFFICE, SG, WORLD, Resources, compared, template
from pipeline.review.model import Direction, StackLocation

MAPPED = {"Fn::FindInMap": ["Rules", {"Ref": "Kind"}, "In"]}
NO_VALUE = {"Ref": "AWS::NoValue"}
INGRESS = "AWS::EC2::SecurityGroupIngress"


def group(*ingress: Any, **others: Any) -> Resources:
    return {"G": (SG, {"SecurityGroupIngress": list(ingress), **others})}


def listed(entries: Any) -> Resources:
    """A group that lets in a prefix list of the same template."""
    return {
        **group({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "SourcePrefixListId": {"Ref": "L"}}),
        "L": ("AWS::EC2::PrefixList", {"Entries": entries}),
    }


UNREADABLE: Mapping[str, tuple[Resources, Resources, str]] = {
    "every rule": (group(), {"G": (SG, {"SecurityGroupIngress": MAPPED})}, "FindInMap"),
    "one rule": (group(), group(MAPPED), "FindInMap"),
    "a rule of text": (group(), group("{{resolve:ssm:rule}}"), "{{resolve:ssm:rule}} may now connect to every port"),
    "a rule for nobody that is named": (group(), group({"IpProtocol": "tcp"}), "IpProtocol"),
    "an address": (group(), group({**OFFICE, "CidrIp": "{{resolve:ssm:office}}"}), "{{resolve:ssm:office}} may now"),
    "an address of no network": (group(), group({**OFFICE, "CidrIp": "10.0.0.0/99"}), "10.0.0.0/99 may now"),
    "a port": (group(), group({**OFFICE, "FromPort": {"Ref": "Port"}}), "tcp <Port>-22"),
    "a port instead of a number": (group(OFFICE), group({**OFFICE, "ToPort": {"Ref": "Port"}}), "tcp 22-<Port>"),
    "every entry of a prefix list": (listed([{"Cidr": "10.0.0.0/8"}]), listed(MAPPED), "FindInMap"),
    "one entry of a prefix list": (
        listed([{"Cidr": "10.0.0.0/8"}, {"Fn::FindInMap": ["A", "B", "C"]}]),
        listed([{"Cidr": "10.0.0.0/8"}, MAPPED]),
        "FindInMap",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREADABLE)
def test_security_group_rule_known_only_at_deployment_is_a_change_of_access(case: str) -> None:
    old, new, said = UNREADABLE[case]
    (found,) = compared(old, new)
    assert found.direction in (Direction.BROADENED, Direction.CHANGED)
    assert said in found.evidence


def test_security_group_rule_of_an_undecided_condition_opens_to_the_world() -> None:
    rule: Resources = {"I": (INGRESS, {"GroupId": {"Ref": "G"}, **WORLD})}
    old, new = template(group()), template({**group(), **rule}, I="IsOpen")
    (found,) = network.changes(old, new, StackLocation())
    assert (found.logical_id, found.direction, found.world) == ("I", Direction.BROADENED, True)


def test_security_group_rule_that_loses_its_condition_is_broadened() -> None:
    rule: Resources = {"I": (INGRESS, {"GroupId": {"Ref": "G"}, **WORLD})}
    old, new = template({**group(), **rule}, I="IsOpen"), template({**group(), **rule})
    (found,) = network.changes(old, new, StackLocation())
    assert (found.logical_id, found.direction, found.world) == ("I", Direction.BROADENED, True)


def test_security_group_that_may_lose_its_rules_for_what_goes_out_is_broadened() -> None:
    out = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}
    old = group(SecurityGroupEgress=[out])
    (found,) = compared(old, group(SecurityGroupEgress={"Fn::If": ["IsClosed", [out], NO_VALUE]}))
    assert found.direction is Direction.BROADENED
    assert "it may now connect to the whole internet (0.0.0.0/0), every port" in found.evidence


def test_security_group_with_more_conditions_than_can_be_tried_is_unknown() -> None:
    rules = [{"Fn::If": [f"C{number}", OFFICE, NO_VALUE]} for number in range(5)]
    (found,) = compared(group(), group(*rules))
    assert found.direction is Direction.UNKNOWN
    assert found.evidence == "its rules depend on more conditions than can be compared"


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [((-1, -1), (8, 0), Direction.NARROWED), ((8, 0), (-1, -1), Direction.BROADENED), ((8, 0), (3, 4), "changed")],
)
def test_security_group_rule_of_icmp_is_compared_by_type_and_code(
    old: tuple[int, int], new: tuple[int, int], direction: str
) -> None:
    sides = [
        group({"IpProtocol": "1", "FromPort": first, "ToPort": last, "CidrIp": "10.0.0.0/8"})
        for first, last in (old, new)
    ]
    (found,) = compared(*sides)
    assert found.direction == direction


def test_security_groups_too_large_to_compare_are_told_rule_by_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MOST_CELLS", 1)
    (found,) = compared(group(OFFICE), group(OFFICE, WORLD))
    assert (found.direction, found.world) == (Direction.BROADENED, True)
    assert found.evidence == "the whole internet (0.0.0.0/0) may now connect to tcp 22"
    (found,) = compared(group(OFFICE, WORLD), group(OFFICE))
    assert (found.direction, found.world) == (Direction.NARROWED, False)


@pytest.mark.parametrize("name", ["sg-0123", {"Fn::ImportValue": "shared-group"}])
def test_security_group_rule_of_a_group_elsewhere_opens_to_the_world(name: Any) -> None:
    (found,) = compared({}, {"I": (INGRESS, {"GroupId": name, **WORLD})})
    assert (found.logical_id, found.direction, found.world) == ("I", Direction.BROADENED, True)
