"""ingest's stack: what is stored keeps its logical id, and settings and tiers arrive where they matter."""

import json

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from services.ingest.service import Ingest
from services.library.contract.environment import Environment, Tier

# A changed logical id is a new, empty resource: CloudFormation deletes the old one, or leaves it behind.
STATEFUL = {
    "AWS::DynamoDB::Table": {"ChangesTable043BDF85"},
    "AWS::KMS::Key": {
        "AlarmsKey7F5A268D",
        "BackupsKeyCDE6E041",
        "ConsumerKeyCEB50C03",
        "Key9BCD29C7",
        "OperationsKeyC8E359A5",
        "StreamKeyFB82FE12",
    },
    "AWS::Kinesis::Stream": {"Stream862536A4"},
    "AWS::S3::Bucket": {
        "ClaimsAccessLogsDF400F75",
        "ClaimsBucket28AE7DE2",
        "ConsumerFailuresAccessLogs6FC6AFDE",
        "ConsumerFailuresBucket3B7153AE",
        "ConsumerQuarantineAccessLogs09B42501",
        "ConsumerQuarantineBucketF1E8098D",
    },
}


def template(tier: Tier, service: Ingest) -> assertions.Template:
    environment = Environment(name="here", tier=tier, account="111111111111", region="eu-west-1")
    stack = service.deploy(cdk.Stage(cdk.App(), "here", env=environment.to_cdk()), environment)
    return assertions.Template.from_stack(stack)


@pytest.fixture(scope="module")
def production() -> assertions.Template:
    return template(Tier.PRODUCTION, Ingest(shards=4))


@pytest.fixture(scope="module")
def sandbox() -> assertions.Template:
    return template(
        Tier.SANDBOX,
        Ingest(batch_size=7, parallelization=3, retries=5, skips_by_key=True, retention_hours=200),
    )


@pytest.mark.parametrize("type_", STATEFUL)
def test_what_is_stored_keeps_its_logical_id(type_: str, production: assertions.Template) -> None:
    assert set(production.find_resources(type_)) == STATEFUL[type_]


def test_production_keeps_all_data_whatever_happens_to_the_stack(production: assertions.Template) -> None:
    for type_ in STATEFUL:
        production.all_resources(type_, {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})


def test_the_stage_entry_decides_how_records_are_consumed(
    sandbox: assertions.Template, production: assertions.Template
) -> None:
    sandbox.has_resource_properties(
        "AWS::Lambda::EventSourceMapping", {"BatchSize": 7, "ParallelizationFactor": 3, "MaximumRetryAttempts": 5}
    )
    sandbox.has_resource_properties(
        "AWS::Lambda::Function",
        {"Environment": {"Variables": assertions.Match.object_like({"SKIPS_BY_KEY": "true"})}},
    )
    sandbox.has_resource_properties(
        "AWS::Kinesis::Stream", {"RetentionPeriodHours": 200, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    )
    production.has_resource_properties("AWS::Kinesis::Stream", {"ShardCount": 4})


def test_others_are_offered_what_they_need_to_hand_over_submissions(production: assertions.Template) -> None:
    offered = production.find_resources("AWS::SSM::Parameter").values()
    names = {parameter["Properties"]["Name"] for parameter in offered}
    assert names == {
        f"/penstock/here/ingest/{value}"
        for value in (
            "stream-name",
            "stream-arn",
            "stream-key-arn",
            "claims-bucket-name",
            "claims-key-arn",
            "event-bus-name",
        )
    }
    assert names == {f"/penstock/here/{offer.name}" for offer in Ingest.offers}


def test_every_alarm_reaches_the_services_topic(production: assertions.Template) -> None:
    (topic,) = production.find_resources("AWS::SNS::Topic")
    alarms = production.find_resources("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 8
    for name, alarm in alarms.items():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}], name


def test_the_function_may_neither_delete_nor_list_anything_of_patients(production: assertions.Template) -> None:
    (policy,) = (
        each
        for name, each in production.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("ConsumerRole")
    )
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    actions = {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    about = {action for action in actions if action.split(":")[0] in ("dynamodb", "events", "kinesis", "s3")}
    assert about == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "events:PutEvents",
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "s3:GetObject",
        "s3:ListBucket",  # of the failures bucket, which Lambda asks for
        "s3:PutObject",
    }


def test_records_in_the_stage_are_written_into_their_datastore_and_nothing_is_without() -> None:
    plain, writing = Ingest(), Ingest(records=True)
    assert {need.name for need in set(writing.all_needs) - set(plain.all_needs)} == {
        "records/datastore-endpoint",
        "records/datastore-arn",
        "records/datastore-key-arn",
    }
    found = json.dumps(template(Tier.SANDBOX, writing).to_json())
    assert '"healthlake:ReadResource", "healthlake:UpdateResource"' in found
    assert "DATASTORE_ENDPOINT" in found
    assert "healthlake" not in json.dumps(template(Tier.SANDBOX, plain).to_json())
