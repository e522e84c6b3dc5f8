"""Public by AWS's rule: only fixed values of keys that identify somebody keep strangers out."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Direction, Review, Verdict
from pipeline.review.read import assembly
from pipeline.review.tests.cases.access import policy, statement
from pipeline.review.tests.cases.case import resource, template
from pipeline.review.tests.cases.public import ANY_TOKEN, KNOWN, NO_ROLE, OWN_TOKEN, PUBLIC, bucket, trust

Json = Any


def review(folder: Path, old: Json, new: Json) -> Review:
    for name, side in (("old.json", old), ("new.json", new)):
        (folder / name).write_text(json.dumps(template({**side, "T": resource("SNS::Topic")})))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


def rules(found: Review) -> set[str]:
    return {finding.rule for finding in found.findings}


@pytest.mark.parametrize("id_", PUBLIC)
def test_review_blocks_a_bucket_for_everybody_with_a_condition_that_a_stranger_meets(id_: str, tmp_path: Path) -> None:
    found = review(tmp_path, bucket(), bucket(PUBLIC[id_]))
    assert rules(found) == {"Review-OpenToTheWorld"}
    assert found.verdict is Verdict.BLOCKED


@pytest.mark.parametrize("id_", KNOWN)
def test_review_passes_a_bucket_for_everybody_that_a_condition_keeps_to_somebody(id_: str, tmp_path: Path) -> None:
    found = review(tmp_path, bucket(), bucket(KNOWN[id_]))
    assert rules(found) == {"Review-AccessBroadened"}
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize("id_", ANY_TOKEN)
def test_review_blocks_a_role_for_anybody_with_a_token(id_: str, tmp_path: Path) -> None:
    assert rules(review(tmp_path, NO_ROLE, trust(*ANY_TOKEN[id_]))) == {"Review-OpenToTheWorld"}


@pytest.mark.parametrize("id_", OWN_TOKEN)
def test_review_passes_a_role_for_one_owners_tokens(id_: str, tmp_path: Path) -> None:
    assert rules(review(tmp_path, NO_ROLE, trust(*OWN_TOKEN[id_]))) == {"Review-AccessBroadened"}


def test_review_blocks_what_a_dropped_subject_opens(tmp_path: Path) -> None:
    provider, condition = OWN_TOKEN["a branch"]
    assert rules(review(tmp_path, trust(provider, condition), trust(provider, {}))) == {"Review-OpenToTheWorld"}


def source(operator: str, arn: str) -> Json:
    return policy(statement("sns:Publish", "*", Condition={operator: {"aws:SourceArn": arn}}))


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        (("ArnLike", "arn:aws:sns:*:1:t"), ("StringLike", "arn:aws:sns:*:1:t"), Direction.BROADENED),
        (("StringLike", "arn:aws:sns:*:1:t"), ("ArnEquals", "arn:aws:sns:*:1:t"), Direction.NARROWED),
        (("ArnLike", "arn:aws:sns:?:1:t"), ("StringLike", "arn:aws:sns:?:1:t"), Direction.BROADENED),
        (("ArnLike", "arn:aws:sns:r:1:*"), ("StringLike", "arn:aws:sns:r:1:*"), None),
        (("ArnLike", "arn:aws:sns:r:1:t"), ("StringEquals", "arn:aws:sns:r:1:t"), None),
        (("ArnLike", "arn:aws:sns:**:1:t"), ("ArnLike", "arn:aws:sns:*:1:t"), None),
        (("ArnLike", "arn:aws:sns:r*:1:t"), ("ArnLike", "arn:aws:sns:*:1:t"), Direction.BROADENED),
    ],
)
def test_review_compares_arns_component_by_component(
    old: tuple[str, str], new: tuple[str, str], direction: Direction | None, tmp_path: Path
) -> None:
    found = review(tmp_path, source(*old), source(*new))
    assert [change.direction for change in found.access] == ([direction] if direction else [])


def of_version(version: str | None, target: str) -> Json:
    versioned = {} if version is None else {"Version": version}
    settings = {"PolicyName": "p", "Roles": ["r"]}
    return {
        "P": resource(
            "IAM::Policy", {**settings, "PolicyDocument": {**versioned, "Statement": [statement("s3:*", target)]}}
        )
    }


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
@pytest.mark.parametrize(
    ("old", "new", "target", "directions"),
    [
        ("2008-10-17", "2012-10-17", "arn:aws:s3:::b/${aws:username}/*", {Direction.CHANGED}),
        (None, "2012-10-17", "arn:aws:s3:::b/${aws:username}/*", {Direction.CHANGED}),
        (None, "2008-10-17", "arn:aws:s3:::b/${aws:username}/*", set()),
        ("2008-10-17", "2012-10-17", "arn:aws:s3:::b/*", set()),
    ],
)
def test_review_reads_a_policys_variables_by_its_version(
    old: str | None, new: str, target: str, directions: set[Direction], tmp_path: Path
) -> None:
    found = review(tmp_path, of_version(old, target), of_version(new, target))
    assert {change.direction for change in found.access} == directions


def test_review_cannot_tell_the_variables_of_a_version_that_is_known_at_deployment(tmp_path: Path) -> None:
    target = "arn:aws:s3:::b/${aws:username}/*"
    open_ = of_version("x", target)
    open_["P"]["Properties"]["PolicyDocument"]["Version"] = {"Fn::ImportValue": "version"}
    found = review(tmp_path, of_version("2012-10-17", target), open_)
    assert {change.direction for change in found.access} == {Direction.UNKNOWN}
