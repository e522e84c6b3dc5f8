from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation, Finding
from services.library.guardrails.rules.streams import CONSUMER, ENCRYPTION, RETENTION, check

STREAM = {"RetentionPeriodHours": 168, "StreamEncryption": {"EncryptionType": "KMS", "KeyId": {"Ref": "Key"}}}
SOURCE = {
    "EventSourceArn": {"Fn::GetAtt": ["Stream", "Arn"]},
    "StartingPosition": "TRIM_HORIZON",
    "MaximumRetryAttempts": 10,
    "MaximumRecordAgeInSeconds": 86_400,
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failed", "Arn"]}}},
}


def found(*, stream: dict[str, Any] | None = None, source: dict[str, Any] | None = None) -> list[Finding]:
    resources = {
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {**STREAM, **(stream or {})}},
        "Source": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {**SOURCE, **(source or {})}},
    }
    return list(
        check(Template({"Resources": resources}, "prod/ingest", "t.json"), DeploymentLocation(keeps_data=False))
    )


def test_stream_consumer_as_the_library_makes_it_passes() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("MaximumRetryAttempts", -1),
        ("MaximumRetryAttempts", "-1"),
        ("MaximumRetryAttempts", {"Ref": "Retries"}),
        ("MaximumRecordAgeInSeconds", -1),
        ("BisectBatchOnFunctionError", False),
        ("BisectBatchOnFunctionError", {"Ref": "Bisect"}),
        ("FunctionResponseTypes", []),
        ("FunctionResponseTypes", {"Ref": "Types"}),
        ("DestinationConfig", {"OnFailure": {}}),
        ("DestinationConfig", {}),
        ("DestinationConfig", {"OnFailure": {"Ref": "AWS::NoValue"}}),
        ("DestinationConfig", {"Fn::If": ["C", SOURCE["DestinationConfig"], {"Ref": "AWS::NoValue"}]}),
        ("MaximumRetryAttempts", {"Fn::If": ["C", 10, -1]}),
    ],
)
def test_each_unsafe_setting_of_a_stream_consumer_is_found_alone(setting: str, value: Any) -> None:
    (finding,) = found(source={setting: value})
    assert finding.rule == f"{CONSUMER.id}[{setting}]"
    assert finding.locations == (f"Properties.{setting}",)


def test_stream_consumer_with_lambdas_own_defaults_is_found() -> None:
    bare = {"EventSourceArn": "arn:aws:kinesis:eu-west-1:111111111111:stream/elsewhere", "StartingPosition": "LATEST"}
    resources = {"Source": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": bare}}
    findings = check(Template({"Resources": resources}), DeploymentLocation(keeps_data=True))
    assert {finding.rule for finding in findings} == {
        f"{CONSUMER.id}[{setting}]" for setting in SOURCE.keys() - {"EventSourceArn", "StartingPosition"}
    }


def test_stream_consumer_with_the_fewest_retries_passes() -> None:
    assert found(source={"MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": "true"}) == []


@pytest.mark.parametrize(
    "other", [{"EventSourceArn": "arn:aws:sqs:x"}, {"StartingPosition": "LATEST", "Topics": ["a"]}]
)
def test_stream_rules_pass_event_sources_of_queues_and_kafka(other: dict[str, Any]) -> None:
    resources = {"Source": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": other}}
    assert list(check(Template({"Resources": resources}), DeploymentLocation(keeps_data=True))) == []


@pytest.mark.parametrize(
    ("hours", "passes"), [(168, True), ("8760", True), (167, False), (24, False), ({"Ref": "Hours"}, False)]
)
def test_stream_that_keeps_records_under_a_week_is_found(hours: Any, passes: bool) -> None:
    assert [finding.rule for finding in found(stream={"RetentionPeriodHours": hours})] == [RETENTION.id] * (not passes)


def test_stream_with_kinesis_defaults_is_found() -> None:
    resources = {"Stream": {"Type": "AWS::Kinesis::Stream"}}
    findings = check(Template({"Resources": resources}), DeploymentLocation(keeps_data=False))
    assert [finding.rule for finding in findings] == [RETENTION.id, ENCRYPTION.id]


def test_stream_is_no_topic_by_topics_that_a_condition_leaves_out() -> None:
    unsafe = {"MaximumRetryAttempts": -1}
    assert found(source={**unsafe, "Topics": ["topic"]}) == []
    for topics in ({"Ref": "AWS::NoValue"}, {"Fn::If": ["C", ["topic"], {"Ref": "AWS::NoValue"}]}):
        (finding,) = found(source={**unsafe, "Topics": topics})
        assert finding.rule == f"{CONSUMER.id}[MaximumRetryAttempts]"


def test_stream_that_a_condition_may_keep_in_the_clear_is_found() -> None:
    key = {"Fn::If": ["C", STREAM["StreamEncryption"], {"Ref": "AWS::NoValue"}]}
    assert [finding.rule for finding in found(stream={"StreamEncryption": key})] == [ENCRYPTION.id]
