"""What replaces a resource: the distilled file is what its sources say, and they are weighed as promised."""

import json

import pytest

from pipeline.review.diff import distil
from pipeline.review.diff.compare import Difference
from pipeline.review.diff.replacement import impact
from pipeline.review.model import Json, ResourceOutcome


def test_replacement_file_equals_the_locked_sources() -> None:
    written = distil.OUTPUT.read_text(encoding="utf-8")
    day = json.loads(written)["day"]
    assert written == distil.document(day), "run python -m pipeline.review.diff.distil, and commit what it writes"


@pytest.mark.parametrize(
    ("type_", "path", "outcome"),
    [
        ("AWS::DynamoDB::Table", "TableName", ResourceOutcome.REPLACE),
        ("AWS::DynamoDB::Table", "BillingMode", ResourceOutcome.UPDATE),
        ("AWS::DynamoDB::Table", "KeySchema.AttributeName", ResourceOutcome.REPLACE),
        ("AWS::RDS::DBInstance", "Port", ResourceOutcome.MAY_REPLACE),
        ("AWS::OpenSearchService::Domain", "EncryptionAtRestOptions.KmsKeyId", ResourceOutcome.MAY_REPLACE),
        ("AWS::Pipes::Pipe", "SourceParameters.SqsQueueParameters.BatchSize", ResourceOutcome.UPDATE),
        ("AWS::Pipes::Pipe", "SourceParameters.KinesisStreamParameters.StartingPosition", ResourceOutcome.REPLACE),
    ],
)
def test_impact_follows_the_sources(type_: str, path: str, outcome: ResourceOutcome) -> None:
    assert impact(type_, Difference(path=tuple(path.split(".")), old="a", new="b")).outcome is outcome


def test_impact_names_both_sources_that_disagree() -> None:
    judged = impact("AWS::RDS::DBInstance", Difference(path=("Port",), old=1, new=2))
    assert judged.sources == ("cfn-lint: in place", "service-spec: create-only")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, {"KinesisStreamParameters": {"StartingPosition": "LATEST"}}),
        ({"KinesisStreamParameters": {"StartingPosition": "LATEST"}}, {"Ref": "Unknown"}),
    ],
)
def test_impact_of_a_part_includes_the_properties_below_it(old: Json, new: Json) -> None:
    judged = impact("AWS::Pipes::Pipe", Difference(path=("SourceParameters",), old=old, new=new))
    assert judged.outcome in {ResourceOutcome.REPLACE, ResourceOutcome.MAY_REPLACE}


@pytest.mark.parametrize("type_", ["AWS::New::Thing", "Custom::Thing", "AWS::CloudFormation::CustomResource"])
def test_impact_of_an_unknown_property_may_replace(type_: str) -> None:
    judged = impact(type_, Difference(path=("Anything",), old=1, new=2))
    assert judged.unknown
    assert judged.outcome is ResourceOutcome.MAY_REPLACE
