"""What is said of data: of each class of type that is deleted, and of the updates that AWS's pages speak of."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.diff.data_classes import DataClass, data_class
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level, Review, Verdict
from pipeline.review.read import assembly
from pipeline.review.tests.cases.deletions import LOSSES, NOT_AMAZONS
from pipeline.review.tests.cases.updates import CONDITIONAL, ENDING

Json = Any
UPDATES = {case.id: case for case in (*CONDITIONAL, *ENDING)}
DELETIONS = [(f"AWS::{type_}", rule) for rule, types in LOSSES.items() for type_ in types]
BESIDE = {"Type": "AWS::SNS::Topic"}
UNDECIDED = {
    "Parameters": {"Given": {"Type": "String"}},
    "Conditions": {"Given": {"Fn::Equals": [{"Ref": "Given"}, "yes"]}},
}


def review(folder: Path, old: Json, new: Json) -> Review:
    for name, resource in (("old.json", old), ("new.json", new)):
        resources = {"Beside": BESIDE, **({"A": resource} if resource else {})}
        (folder / name).write_text(json.dumps({**UNDECIDED, "Resources": resources}))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


@pytest.mark.parametrize(("type_", "rule"), DELETIONS)
def test_review_says_what_is_lost_with_a_deleted_resource(type_: str, rule: str, tmp_path: Path) -> None:
    found = review(tmp_path, {"Type": type_}, None)
    assert [finding.rule for finding in found.findings] == ([rule] if rule else [])


@pytest.mark.parametrize("type_", NOT_AMAZONS)
def test_review_blocks_a_deletion_of_what_nobody_has_classed(type_: str, tmp_path: Path) -> None:
    found = review(tmp_path, {"Type": type_}, None)
    assert found.verdict is Verdict.BLOCKED
    assert [(finding.rule, finding.level) for finding in found.findings] == [("Review-UnknownData", Level.HIGH)]


@pytest.mark.parametrize("type_", [type_ for type_, _ in DELETIONS if data_class(type_) is not DataClass.NONE])
def test_review_says_of_a_retained_resource_that_it_stays(type_: str, tmp_path: Path) -> None:
    found = review(tmp_path, {"Type": type_, "DeletionPolicy": "Retain"}, None)
    assert [finding.rule for finding in found.findings] == ["Review-LeftBehind"]


@pytest.mark.parametrize(
    ("type_", "rule"),
    [
        ("AWS::DSQL::Cluster", "Review-PossibleDataLoss"),
        ("AWS::SecretsManager::Secret", "Review-SecretLost"),
        ("AWS::SQS::Queue", "Review-PossibleReplacement"),
        ("AWS::Glue::Registry", "Review-UnknownData"),
        ("AWS::SNS::Topic", "Review-PossibleReplacement"),
    ],
)
def test_review_says_what_an_undecided_condition_may_take(type_: str, rule: str, tmp_path: Path) -> None:
    found = review(tmp_path, {"Type": type_}, {"Type": type_, "Condition": "Given"})
    assert [finding.rule for finding in found.findings] == [rule]


def test_review_says_of_a_protected_resource_that_it_cannot_be_deleted(tmp_path: Path) -> None:
    protected = {"Type": "AWS::DSQL::Cluster", "Properties": {"DeletionProtectionEnabled": True}}
    assert [finding.rule for finding in review(tmp_path, protected, None).findings] == ["Review-LeftBehind"]


@pytest.mark.parametrize("id_", UPDATES)
def test_review_says_of_an_update_what_its_page_says(id_: str, tmp_path: Path) -> None:
    case = UPDATES[id_]
    found = review(tmp_path, *(side["Resources"]["A"] for side in case.templates))
    assert {change.logical_id: change.outcome.value for change in found.changes} == {"A": case.outcome}
    assert {finding.rule for finding in found.findings} == case.rules


@pytest.mark.parametrize("id_", UPDATES)
def test_review_of_an_update_against_itself_is_empty(id_: str, tmp_path: Path) -> None:
    for side in UPDATES[id_].templates:
        resource = side["Resources"]["A"]
        assert review(tmp_path, resource, resource).is_empty


def test_update_cases_have_a_name_each() -> None:
    assert len(UPDATES) == len(CONDITIONAL) + len(ENDING)


def keyed(*names: Json) -> Json:
    kinds = ("HASH", "RANGE")
    schema = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False)]
    return {"Type": "AWS::DynamoDB::Table", "Properties": {"KeySchema": schema}}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (keyed("id"), keyed("tenant"), "KeySchema changes from id to tenant"),
        (keyed("id"), keyed("id", "day"), "KeySchema[day] gets day (RANGE)"),
        (keyed("id", "day"), keyed("id"), "KeySchema[day] loses day (RANGE)"),
        (keyed("id"), keyed({"Ref": "Given"}), "KeySchema changes from id to what only the deployment knows"),
    ],
)
def test_review_says_what_the_key_of_a_replaced_table_was_and_becomes(
    old: Json, new: Json, said: str, tmp_path: Path
) -> None:
    (finding,) = review(tmp_path, old, new).findings
    assert finding.rule == "Review-DataLoss"
    assert said in finding.evidence
