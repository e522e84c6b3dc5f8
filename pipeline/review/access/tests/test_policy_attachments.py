"""Which policies are about whom, also where a resource, a condition or the text of another says so."""

from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.review.access import changes as module
from pipeline.review.access.changes import changes
from pipeline.review.access.tests.test_changes import (
    ADMINISTRATOR,
    BUCKET,
    Resources,
    allow,
    compared,
    holder,
    policy,
    role,
    template,
)
from pipeline.review.model import AccessKind, Direction, StackLocation
from services.library.cloudformation.patterns import CombinationsError

NO_VALUE = {"Ref": "AWS::NoValue"}
MAPPED = {"Fn::FindInMap": ["Policies", {"Ref": "Kind"}, "Document"]}
CUSTOM: Resources = {"C": ("Custom::Policy", {}), "D": ("Custom::Policy", {})}
EVERYTHING = {"PolicyName": "p", "PolicyDocument": {"Statement": [allow("*")]}}


def branch(then: Any, otherwise: Any = NO_VALUE, name: str = "IsOpen") -> dict[str, Any]:
    return {"Fn::If": [name, then, otherwise]}


def own(*statements: Any, **role_properties: Any) -> Resources:
    """A role, and a managed policy of the same template."""
    managed = ("AWS::IAM::ManagedPolicy", {"PolicyDocument": {"Statement": list(statements)}})
    return {**role(**role_properties), "M": managed}


ATTACHED = {"ManagedPolicyArns": [{"Ref": "M"}]}
LIMITED = {"PermissionsBoundary": {"Ref": "M"}}

BROADENED: Mapping[str, tuple[Resources, Resources, str, AccessKind, str]] = {
    "a managed policy that a custom resource makes": (
        {**CUSTOM, **role()},
        {**CUSTOM, **role(ManagedPolicyArns=[{"Fn::GetAtt": ["C", "Arn"]}])},
        "Role",
        AccessKind.MANAGED,
        "",
    ),
    "managed policies under a condition": (
        role(),
        role(ManagedPolicyArns=branch([ADMINISTRATOR])),
        "Role",
        AccessKind.MANAGED,
        "admin",
    ),
    "inline policies under a condition": (
        role(),
        role(Policies=branch([EVERYTHING])),
        "Role",
        AccessKind.IDENTITY,
        "admin",
    ),
    "an attached policy of the template": (
        own(allow("s3:GetObject", BUCKET), **ATTACHED),
        own(allow("*"), **ATTACHED),
        "M",
        AccessKind.IDENTITY,
        "admin",
    ),
    "a boundary of the template": (
        own(allow("s3:GetObject", BUCKET), **LIMITED),
        own(allow("s3:*", BUCKET), **LIMITED),
        "Role",
        AccessKind.BOUNDARY,
        "",
    ),
    "a user without a trust policy": (
        {"U": ("AWS::IAM::User", {})},
        {"U": ("AWS::IAM::User", {"Policies": [EVERYTHING]})},
        "U",
        AccessKind.IDENTITY,
        "admin",
    ),
    "a permission set's policy": (
        {},
        holder("AWS::SSO::PermissionSet", "InlinePolicy", allow("*")),
        "A",
        AccessKind.IDENTITY,
        "admin",
    ),
    "a document in each branch": (
        {"A": ("AWS::Logs::ResourcePolicy", {"PolicyDocument": {"Statement": []}})},
        {
            "A": (
                "AWS::Logs::ResourcePolicy",
                {
                    "PolicyDocument": branch(
                        {"Statement": [allow("logs:PutLogEvents", Principal="*")]},
                        {"Statement": [allow("logs:PutLogEvents", Principal={"Service": "es.amazonaws.com"})]},
                    )
                },
            )
        },
        "A",
        AccessKind.RESOURCE,
        "public",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROADENED)
def test_policy_is_broadened_at_the_resource_that_has_it(case: str) -> None:
    old, new, logical_id, kind, flag = BROADENED[case]
    (found,) = compared(old, new)
    assert (found.logical_id, found.kind, found.direction) == (logical_id, kind, Direction.BROADENED)
    assert (found.admin, found.public) == (flag == "admin", flag == "public")


def test_policy_that_is_only_a_boundary_grants_nothing() -> None:
    found = compared(role(), own(allow("s3:*", BUCKET), **LIMITED))
    assert {(each.kind, each.direction) for each in found} == {(AccessKind.BOUNDARY, Direction.NARROWED)}


def test_boundary_that_a_custom_resource_makes_is_none_that_lets_everything_through() -> None:
    found = compared({**CUSTOM, **role(PermissionsBoundary={"Ref": "C"})}, {**CUSTOM, **role()})
    assert [(each.kind, each.direction) for each in found] == [(AccessKind.BOUNDARY, Direction.BROADENED)]
    assert "nothing limits its policies any more" in found[0].evidence


def test_boundary_for_another_one_names_both() -> None:
    sides = [role(PermissionsBoundary=f"arn:aws:iam::aws:policy/{name}") for name in ("Narrow", "Wide")]
    found = compared(*sides)
    assert {(each.direction, each.evidence.rpartition(" ")[2]) for each in found} == {
        (Direction.BROADENED, "Wide"),
        (Direction.NARROWED, "Narrow"),
    }


def test_policy_with_more_conditions_than_can_be_tried_is_unknown() -> None:
    statements = [branch(allow("s3:*"), name=f"C{number}") for number in range(5)]
    (found,) = compared(policy(), policy(*statements))
    assert found.direction is Direction.UNKNOWN
    assert found.evidence == "it depends on 5 conditions that only a deployment decides"


def test_policies_too_entangled_to_compare_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def entangled(*_: object, **_named: object) -> None:
        raise CombinationsError

    monkeypatch.setattr(module, "compare", entangled)
    (found,) = compared(policy(allow("s3:GetObject")), policy(allow("s3:*")))
    assert found.direction is Direction.UNKNOWN
    assert "too entangled to compare" in found.evidence


def test_policy_of_an_undecided_condition_is_broadened_when_it_loses_it() -> None:
    sides = template(policy(allow("*")), P="IsOpen"), template(policy(allow("*")))
    (found,) = changes(*sides, StackLocation())
    assert (found.direction, found.admin) == (Direction.BROADENED, True)


def test_unreadable_policy_that_loses_its_condition_is_unknown() -> None:
    sides = template(policy(MAPPED), P="IsOpen"), template(policy(MAPPED))
    (found,) = changes(*sides, StackLocation())
    assert found.direction is Direction.UNKNOWN


def test_unreadable_policy_that_stays_is_no_change_of_those_beside_it() -> None:
    beside: Resources = {"Q": policy(allow("s3:GetObject"))["P"]}
    (found,) = compared(policy(MAPPED), {**policy(MAPPED), **beside})
    assert (found.logical_id, found.direction) == ("Q", Direction.BROADENED)
