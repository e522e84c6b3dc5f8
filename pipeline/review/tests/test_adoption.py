"""A stack that was there before the platform is compared with what it was deployed as."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.review.engine import review
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import DeploymentLocation, Level, ResourceOutcome, Review
from pipeline.review.read.assembly import Assembly, Stack

PLACE = DeploymentLocation(name="orders", account="111111111111", region="eu-west-1")
BOUNDARY = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/penstock-boundary"}
TAG = {"Key": "penstock:service", "Value": "orders"}


def table(**properties: Any) -> dict[str, Any]:
    keys = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
    return {"Type": "AWS::DynamoDB::Table", "Properties": {**keys, **properties}}


def role(**properties: Any) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    given = {
        "AssumeRolePolicyDocument": {"Statement": [trust]},
        "Policies": [{"PolicyName": "all", "PolicyDocument": allow}],
    }
    return {"Type": "AWS::IAM::Role", "Properties": {**given, **properties}}


def reviewed(folder: Path, old: dict[str, Any], new: dict[str, Any], *, known: bool = False) -> Review:
    """Review the adoption of a stack. `known`: whether the base side has the stack already."""
    file = folder / "orders.template.json"
    file.write_text(json.dumps({"Resources": new}))
    said = {"protected": False, "parameters": {}, "template": {"Resources": old}}
    adopted = Stack(path="dev/orders", stage="dev", service="orders", place=PLACE, file=file, adopted=json.dumps(said))
    head = Assembly(label="head", stacks=(adopted,), stages=("dev",))
    base = Assembly(label="base", stacks=(replace(adopted, adopted=""),) if known else (), stages=("dev",))
    return review(base, head, ReviewBaseline(fail_on=Level.HIGH, today=date(2026, 11, 30)))


def test_review_names_what_the_platform_changes_in_place(tmp_path: Path) -> None:
    old = {"Orders": table(Tags=[{"Key": "cost", "Value": "1"}]), "Role": role()}
    kept = {
        **table(Tags=[{"Key": "cost", "Value": "1"}, TAG]),
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
    }
    found = reviewed(tmp_path, old, {"Orders": kept, "Role": role(PermissionsBoundary=BOUNDARY, Tags=[TAG])})
    assert {each.logical_id: (each.outcome, each.noise) for each in found.changes} == {
        "Orders": (ResourceOutcome.UPDATE, "the platform's tags and protection"),
        "Role": (ResourceOutcome.UPDATE, "the platform's permissions boundary and tags"),
    }
    assert [each.rule for each in found.findings if each.rule == "Review-Adopted"] == ["Review-Adopted"]
    assert found.stacks == ()


def test_review_shows_what_an_adopted_stack_grants_as_new(tmp_path: Path) -> None:
    same = {"Role": role()}
    assert "Review-AdministratorAccess" in {each.rule for each in reviewed(tmp_path, same, same).findings}
    assert "Review-AdministratorAccess" not in {
        each.rule for each in reviewed(tmp_path, same, same, known=True).findings
    }


def test_review_names_nothing_the_platforms_that_changes_more(tmp_path: Path) -> None:
    old = {"Orders": table(BillingMode="PROVISIONED"), "Role": role(PermissionsBoundary="arn:aws:iam::1:policy/theirs")}
    new = {"Orders": table(BillingMode="PAY_PER_REQUEST", Tags=[TAG]), "Role": role(PermissionsBoundary=BOUNDARY)}
    assert {each.logical_id: each.noise for each in reviewed(tmp_path, old, new).changes} == {"Orders": "", "Role": ""}


def test_review_blocks_an_adoption_that_would_replace_a_table(tmp_path: Path) -> None:
    found = reviewed(tmp_path, {"Orders": table()}, {"Orders": table(TableName="other")})
    assert {"Review-DataLoss"} <= {each.rule for each in found.findings}


def test_an_adopted_stack_that_the_base_side_has_is_compared_with_that(tmp_path: Path) -> None:
    found = reviewed(tmp_path, {"Orders": table(TableName="other")}, {"Orders": table()}, known=True)
    assert (found.changes, found.findings) == ((), ())
