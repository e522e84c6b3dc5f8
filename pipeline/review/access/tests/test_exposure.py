"""Settings that open a resource without a policy, decided by the template or only by its deployment."""

from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.review.access import exposure
from pipeline.review.access.tests.test_changes import Resources, compared, template
from pipeline.review.model import AccessChange, Direction, StackLocation

ROUTE, METHOD, URL = "AWS::ApiGatewayV2::Route", "AWS::ApiGateway::Method", "AWS::Lambda::Url"
BUCKET, DATABASE = "AWS::S3::Bucket", "AWS::RDS::DBInstance"
MAPPED = {"Fn::FindInMap": ["Settings", {"Ref": "Kind"}, "Auth"]}
NO_VALUE = {"Ref": "AWS::NoValue"}
BLOCKED = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), "true")


def branch(then: Any, otherwise: Any, name: str = "IsOpen") -> dict[str, Any]:
    return {"Fn::If": [name, then, otherwise]}


def one(type_: str, **properties: Any) -> Resources:
    return {"A": (type_, properties)}


def route(auth: Any, key: str = "GET /parcels") -> Resources:
    return one(ROUTE, RouteKey=key, AuthorizationType=auth)


OPENED: Mapping[str, tuple[Resources, Resources, str, str]] = {
    "a route without its authorizer": (route("JWT"), route("NONE"), "public", "without an authorizer (GET /parcels)"),
    "a route that says nothing": ({}, one(ROUTE, RouteKey="GET /"), "public", "without an authorizer (GET /)"),
    "a bucket's ACL": (one(BUCKET), one(BUCKET, AccessControl="PublicRead"), "public", "by its ACL PublicRead"),
    "a new bucket's ACL": ({}, one(BUCKET, AccessControl="PublicReadWrite"), "public", "by its ACL PublicReadWrite"),
    "a bucket for every account": (
        one(BUCKET),
        one(BUCKET, AccessControl="AuthenticatedRead"),
        "public",
        "open to every AWS account",
    ),
    "a bucket's block": (
        one(BUCKET, PublicAccessBlockConfiguration=BLOCKED),
        one(BUCKET, PublicAccessBlockConfiguration={**BLOCKED, "BlockPublicPolicy": False}),
        "",
        "now without BlockPublicPolicy",
    ),
    "a database's address": (
        one(DATABASE, PubliclyAccessible=False),
        one(DATABASE, PubliclyAccessible="true"),
        "world",
        "with an address on the internet",
    ),
    "a route under a condition": (route("JWT"), route(branch("NONE", "JWT")), "public", "without an authorizer"),
    "a method under a condition": (
        one(METHOD, AuthorizationType="AWS_IAM"),
        one(METHOD, AuthorizationType=branch("AWS_IAM", NO_VALUE)),
        "public",
        "without an authorizer",
    ),
    "a function URL under a condition": (
        one(URL, AuthType="AWS_IAM"),
        one(URL, AuthType=branch("NONE", "AWS_IAM")),
        "public",
        "without a signature",
    ),
    "an ACL under a condition": (
        one(BUCKET),
        one(BUCKET, AccessControl=branch("PublicRead", NO_VALUE)),
        "public",
        "by its ACL PublicRead",
    ),
    "an address under a condition": (
        one(DATABASE),
        one(DATABASE, PubliclyAccessible=branch(True, False)),
        "world",
        "with an address on the internet",
    ),
    "a route as a mapping says": (route("JWT"), route(MAPPED), "", "open or not as AuthorizationType <"),
    "a method as a mapping says": (
        one(METHOD, AuthorizationType="AWS_IAM"),
        one(METHOD, AuthorizationType=MAPPED),
        "",
        "open or not as AuthorizationType <",
    ),
    "a function URL as a mapping says": (one(URL, AuthType="AWS_IAM"), one(URL, AuthType=MAPPED), "", "signed or not"),
    "an ACL as a mapping says": (one(BUCKET), one(BUCKET, AccessControl=MAPPED), "", "open or not as AccessControl <"),
    "an address as a parameter says": (
        one(DATABASE),
        one(DATABASE, PubliclyAccessible={"Ref": "IsPublic"}),
        "",
        "open or not as PubliclyAccessible <IsPublic> says",
    ),
    "another type under the same name": (
        one("AWS::SNS::Topic"),
        one(DATABASE, PubliclyAccessible=True),
        "world",
        "with an address on the internet",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OPENED)
def test_setting_that_opens_a_resource_is_broadened_and_backwards_narrowed(case: str) -> None:
    old, new, flag, said = OPENED[case]
    (found,) = compared(old, new)
    assert found.direction is Direction.BROADENED
    assert (found.public, found.world) == (flag == "public", flag == "world")
    assert said in found.evidence
    assert all(each.direction is Direction.NARROWED for each in compared(new, old))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (route("NONE", "OPTIONS /"), route("JWT", "OPTIONS /")),
        (one(METHOD, HttpMethod="OPTIONS", AuthorizationType="AWS_IAM"), one(METHOD, HttpMethod="OPTIONS")),
        ({}, one(BUCKET)),
        ({}, one(DATABASE, PubliclyAccessible=False)),
    ],
)
def test_setting_that_opens_nothing_is_no_change_of_access(old: Resources, new: Resources) -> None:
    assert compared(old, new) == ()


def test_route_with_another_authorizer_is_changed_and_not_graded() -> None:
    (found,) = compared(route(branch("NONE", "JWT")), route(branch("NONE", "CUSTOM")))
    assert (found.direction, found.public) == (Direction.UNKNOWN, False)


def exposed(old: Resources, new: Resources, old_condition: str, new_condition: str) -> tuple[AccessChange, ...]:
    before, after = (
        template(side, **({"A": condition} if condition else {}))
        for side, condition in ((old, old_condition), (new, new_condition))
    )
    return tuple(exposure.changes(before, after, StackLocation()))


def test_open_resource_that_loses_its_condition_is_broadened() -> None:
    (found,) = exposed(route("NONE"), route("NONE"), "IsOpen", "")
    assert (found.direction, found.public) == (Direction.BROADENED, True)
    assert exposed(route("NONE"), route("NONE"), "IsOpen", "IsOpen") == ()


def test_bucket_that_may_be_new_is_judged_by_its_acl_alone() -> None:
    assert exposed(one(BUCKET), one(BUCKET), "IsOpen", "") == ()


def test_setting_with_more_conditions_than_can_be_tried_is_told() -> None:
    auth: Any = "JWT"
    for number in range(5):
        auth = branch(auth, "NONE", f"C{number}")
    (found,) = compared(route("JWT"), route(auth))
    assert found.direction is Direction.BROADENED
    assert "open or not as AuthorizationType <" in found.evidence
