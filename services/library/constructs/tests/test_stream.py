"""A stream keeps records long enough, encrypted, and through the deletion of its stack in production."""

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs.role import Role
from services.library.constructs.stream import Stream, StreamSettings
from services.library.constructs.tests.conftest import StackScope


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    Stream(production.stack, "Demand", environment=production.environment)
    provisioned = Stream(
        production.stack,
        "Provisioned",
        environment=production.environment,
        settings=StreamSettings(shards=3, retention=cdk.Duration.days(30)),
    )
    provisioned.grant_write(Role(production.stack, "Writer", service="lambda.amazonaws.com"))
    return production.template()


def test_stream_is_on_demand_with_a_week_of_retention_by_default(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Kinesis::Stream",
        {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "RetentionPeriodHours": 168, "ShardCount": Match.absent()},
    )
    template.has_resource_properties(
        "AWS::Kinesis::Stream",
        {"StreamModeDetails": {"StreamMode": "PROVISIONED"}, "RetentionPeriodHours": 720, "ShardCount": 3},
    )


def test_each_stream_has_a_key_of_its_own_and_both_outlive_a_production_stack(template: Template) -> None:
    streams = template.find_resources("AWS::Kinesis::Stream")
    keys = {stream["Properties"]["StreamEncryption"]["KeyId"]["Fn::GetAtt"][0] for stream in streams.values()}
    assert len(keys) == len(streams) == 2
    for type_ in ("AWS::Kinesis::Stream", "AWS::KMS::Key"):
        template.all_resources(type_, {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})


def test_a_writer_may_put_records_and_use_the_key_through_kinesis_alone(template: Template) -> None:
    ((_, policy),) = template.find_resources("AWS::IAM::ManagedPolicy").items()
    records, key = policy["Properties"]["PolicyDocument"]["Statement"]
    assert records["Action"] == ["kinesis:PutRecord", "kinesis:PutRecords"]
    assert key["Action"] == "kms:GenerateDataKey"
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "kinesis.eu-west-1.amazonaws.com"}}


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"retention": cdk.Duration.hours(167)}, r"retention=167 h is not allowed; give 168 to 8760 h: .* need a week"),
        ({"retention": cdk.Duration.hours(8_761)}, r"retention=8761 h is not allowed"),
        ({"shards": 0}, r"shards=0 is not allowed; give 1 to 10000, or None .*: a stream without shards"),
    ],
)
def test_what_would_lose_records_is_refused(settings: dict[str, object], refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal):
        StreamSettings(**settings)  # type: ignore[arg-type]  # wrong on purpose
