"""Whether a release can be taken back, by what its templates say: two tiny ones for each reason."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review
from pipeline.review.read import assembly
from pipeline.review.render import markdown, page, terminal, view
from pipeline.review.tests.assemblies import StackOf, write
from pipeline.review.tests.assemblies import review as assembly_review

Json = Any
RETAIN = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def review(folder: Path, old: Json, new: Json) -> Review:
    for name, resource in (("old.json", old), ("new.json", new)):
        resources = {"Beside": {"Type": "AWS::SNS::Topic"}, **({"A": resource} if resource else {})}
        (folder / name).write_text(json.dumps({"Resources": resources}))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


def table(key: str = "id", **more: Json) -> Json:
    properties = {"KeySchema": [{"AttributeName": key, "KeyType": "HASH"}], **more.pop("Properties", {})}
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties, **more}


def resource(type_: str, **properties: Json) -> Json:
    return {"Type": f"AWS::{type_}", "Properties": properties}


def indexed(*names: str) -> Json:
    indexes = [{"IndexName": each, "KeySchema": [{"AttributeName": each, "KeyType": "HASH"}]} for each in names]
    return table(Properties={"GlobalSecondaryIndexes": indexes})


CANNOT: dict[str, tuple[Json, Json, str]] = {
    "a table is deleted": (table(), None, "A (AWS::DynamoDB::Table) goes, and "),
    "a table gets another key": (table(), table("tenant"), "A (AWS::DynamoDB::Table) goes, and "),
    "a kept table gets another key": (table(**RETAIN), table("tenant", **RETAIN), "the way back makes another one"),
    "a kept table leaves the stack": (table(**RETAIN), None, "stays behind: the way back makes another one"),
    "a table becomes another type": (table(), resource("SNS::Topic"), "A (AWS::SNS::Topic) goes, and "),
    "a table takes another type's place": (resource("SNS::Topic"), table(), "the way back deletes A (AWS::SNS::Topic)"),
    "a kept table may get another name": (
        table(**RETAIN),
        table(Properties={"TableName": {"Fn::If": ["Undecided", "one", "two"]}}, **RETAIN),
        "A (AWS::DynamoDB::Table) may stay behind: the way back makes another one",
    ),
    "a table comes that is deleted with its code": (None, table(), "the way back deletes A (AWS::DynamoDB::Table)"),
    "a stream is deleted": (resource("Kinesis::Stream"), None, "A (AWS::Kinesis::Stream) goes, and "),
    "records are kept for less time": (
        resource("Kinesis::Stream", RetentionPeriodHours=72),
        resource("Kinesis::Stream", RetentionPeriodHours=24),
        "A (AWS::Kinesis::Stream): ",
    ),
    "versions end": (
        resource("S3::Bucket", VersioningConfiguration={"Status": "Enabled"}),
        resource("S3::Bucket", VersioningConfiguration={"Status": "Suspended"}),
        "A (AWS::S3::Bucket): ",
    ),
    "a secret gets another value": (
        resource("SecretsManager::Secret", SecretString="one"),
        resource("SecretsManager::Secret", SecretString="two"),
        "A (AWS::SecretsManager::Secret): ",
    ),
    "a schema gets narrower": (
        resource("ApiGateway::Model", Schema={"required": []}),
        resource("ApiGateway::Model", Schema={"required": ["id"]}),
        "has another form: what comes in it meets the version before",
    ),
    "a volume grows": (
        resource("EC2::Volume", Size=10),
        resource("EC2::Volume", Size=20),
        "the way back fails at A (AWS::EC2::Volume): Size changes",
    ),
    "people get an attribute": (
        resource("Cognito::UserPool", Schema=[]),
        resource("Cognito::UserPool", Schema=[{"Name": "ward"}]),
        "the way back fails at A (AWS::Cognito::UserPool): Schema",
    ),
    "nobody has said what a new type holds": (None, {"Type": "Example::Thing::Store"}, "whether it holds data"),
}
CAN: dict[str, tuple[Json, Json]] = {
    "a function gets more memory": (
        resource("Lambda::Function", MemorySize=128),
        resource("Lambda::Function", MemorySize=256),
    ),
    "a kept table comes": (None, table(**RETAIN)),
    "records are kept for longer": (
        resource("Kinesis::Stream", RetentionPeriodHours=24),
        resource("Kinesis::Stream", RetentionPeriodHours=72),
    ),
    "a queue comes": (None, resource("SQS::Queue")),
    "an index comes": (indexed(), indexed("by_day")),
    "an index goes": (indexed("by_day"), indexed()),
}


@pytest.mark.parametrize("case", CANNOT)
def test_review_says_why_a_release_cannot_be_taken_back(case: str, tmp_path: Path) -> None:
    old, new, said = CANNOT[case]
    found = review(tmp_path, old, new)
    (reason,) = found.irreversible
    assert said in reason
    for document in (terminal.render(found), markdown.render(found), page.render(found)):
        assert "This release cannot be taken back as it was: 1 reason" in document
    assert reason in terminal.render(found)


@pytest.mark.parametrize("case", CAN)
def test_review_says_that_a_release_can_be_taken_back_and_what_it_does_not_know(case: str, tmp_path: Path) -> None:
    found = review(tmp_path, *CAN[case])
    assert found.irreversible == ()
    assert "what its code writes and sends is not in them" in view.way_back(found)
    assert view.way_back(found) in terminal.render(found)


def test_a_release_that_fails_itself_has_no_way_back_to_speak_of(tmp_path: Path) -> None:
    assert review(tmp_path, indexed("one", "two"), indexed()).irreversible == ()


def test_the_same_reason_in_several_stages_is_one_sentence(tmp_path: Path) -> None:
    def stages(*resources: str) -> dict[str, dict[str, StackOf]]:
        template = {"Resources": {each: {"Type": "AWS::DynamoDB::Table"} for each in resources}}
        return {stage: {"intake": StackOf(template=template)} for stage in ("dev", "prod")}

    base, head = write(tmp_path / "base", stages("A", "B")), write(tmp_path / "head", stages("A"))
    found = assembly_review(base, head)
    (reason,) = found.irreversible
    assert reason.startswith("intake in dev, prod: B")


def test_a_stack_that_moves_leaves_behind_what_is_written_there(tmp_path: Path) -> None:
    stack = StackOf(template={"Resources": {"A": {"Type": "AWS::DynamoDB::Table"}}})
    base = write(tmp_path / "base", {"prod": {"intake": stack}})
    head = write(tmp_path / "head", {"prod": {"intake": replace(stack, region="us-east-1")}})
    (reason,) = assembly_review(base, head).irreversible
    assert reason == (
        "intake in prod: the stack prod-intake becomes another: what is written there is not in the one before"
    )


def test_a_release_that_changes_nothing_has_no_way_back(tmp_path: Path) -> None:
    assert view.way_back(review(tmp_path, table(), table())) == ""
