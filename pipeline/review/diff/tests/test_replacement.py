"""What replaces a resource: the distilled file is what its sources say, and they are weighed as promised."""

import json

import pytest

from pipeline.review.diff import distil
from pipeline.review.diff.compare import Difference
from pipeline.review.diff.replacement import impact
from pipeline.review.model import Json, Outcome


def test_the_file_is_what_the_locked_sources_say() -> None:
    written = distil.OUTPUT.read_text(encoding="utf-8")
    day = json.loads(written)["day"]
    assert written == distil.document(day), "run python -m pipeline.review.diff.distil, and commit what it writes"


@pytest.mark.parametrize(
    ("type_", "path", "outcome"),
    [
        ("AWS::DynamoDB::Table", "TableName", Outcome.REPLACE),
        ("AWS::DynamoDB::Table", "BillingMode", Outcome.UPDATE),
        ("AWS::DynamoDB::Table", "KeySchema.AttributeName", Outcome.REPLACE),
        ("AWS::RDS::DBInstance", "Port", Outcome.MAY_REPLACE),
        ("AWS::OpenSearchService::Domain", "EncryptionAtRestOptions.KmsKeyId", Outcome.MAY_REPLACE),
        ("AWS::Pipes::Pipe", "SourceParameters.SqsQueueParameters.BatchSize", Outcome.UPDATE),
        ("AWS::Pipes::Pipe", "SourceParameters.KinesisStreamParameters.StartingPosition", Outcome.REPLACE),
    ],
)
def test_a_property_replaces_its_resource_as_its_sources_say(type_: str, path: str, outcome: Outcome) -> None:
    assert impact(type_, Difference(path=tuple(path.split(".")), old="a", new="b")).outcome is outcome


def test_sources_that_disagree_are_both_named() -> None:
    judged = impact("AWS::RDS::DBInstance", Difference(path=("Port",), old=1, new=2))
    assert judged.sources == ("cfn-lint: in place", "service-spec: create-only")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, {"KinesisStreamParameters": {"StartingPosition": "LATEST"}}),
        ({"KinesisStreamParameters": {"StartingPosition": "LATEST"}}, {"Ref": "Unknown"}),
    ],
)
def test_a_part_that_comes_or_hides_takes_what_is_in_it_along(old: Json, new: Json) -> None:
    judged = impact("AWS::Pipes::Pipe", Difference(path=("SourceParameters",), old=old, new=new))
    assert judged.outcome in {Outcome.REPLACE, Outcome.MAY_REPLACE}


@pytest.mark.parametrize("type_", ["AWS::New::Thing", "Custom::Thing", "AWS::CloudFormation::CustomResource"])
def test_what_no_source_knows_may_replace(type_: str) -> None:
    judged = impact(type_, Difference(path=("Anything",), old=1, new=2))
    assert judged.unknown
    assert judged.outcome is Outcome.MAY_REPLACE
