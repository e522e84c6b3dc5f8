"""A consumer that no record can stop, and which no setting can make one."""

import ast
import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs import stream_consumer
from services.library.constructs.function import FunctionSettings
from services.library.constructs.stream import Stream, StreamSettings
from services.library.constructs.stream_consumer import Destination, StreamConsumer, StreamConsumerSettings
from services.library.constructs.tests.conftest import StackScope
from tests.testbed.runtime_code import HANDLER


def function(**settings: Any) -> FunctionSettings:
    return FunctionSettings(
        handler=HANDLER,
        description="Consumes",
        **({"timeout": cdk.Duration.seconds(30)} | settings),
    )


def consumer(place: StackScope, id_: str, *, hours: int = 168, **settings: Any) -> StreamConsumer:
    return StreamConsumer(
        place.stack,
        id_,
        environment=place.environment,
        stream=Stream(
            place.stack,
            f"{id_}Stream",
            environment=place.environment,
            settings=StreamSettings(retention=cdk.Duration.hours(hours)),
        ),
        alarms_to=place.alarms,
        settings=StreamConsumerSettings(function=function(variables={"OWN": "x"}), **settings),
    )


@pytest.fixture(scope="module")
def built(production: StackScope) -> tuple[Template, StreamConsumer, StreamConsumer]:
    copies = consumer(production, "Copies")
    pointers = consumer(
        production, "ByQueue", hours=192, destination=Destination.POINTERS, skips_by_key=True, retries=3, batch_size=8
    )
    return production.template(), copies, pointers


@pytest.fixture(scope="module")
def template(built: tuple[Template, StreamConsumer, StreamConsumer]) -> Template:
    return built[0]


def source(template: Template, name: str) -> dict[str, Any]:
    found = template.find_resources("AWS::Lambda::EventSourceMapping")
    ((_, resource),) = ((id_, each) for id_, each in found.items() if id_.startswith(name))
    properties: dict[str, Any] = resource["Properties"]
    return properties


def test_event_source_bisects_and_ends_retries(template: Template) -> None:
    properties = source(template, "Copies")
    assert properties["MaximumRetryAttempts"] == 10
    assert properties["MaximumRecordAgeInSeconds"] == 86_400
    assert properties["BisectBatchOnFunctionError"] is True
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert (source(template, "ByQueue")["MaximumRetryAttempts"], source(template, "ByQueue")["BatchSize"]) == (3, 8)


def test_failed_batches_go_to_a_bucket_or_a_queue(template: Template) -> None:
    for name, type_ in (("Copies", "Failures"), ("ByQueue", "Pointers")):
        destination = source(template, name)["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"]
        assert destination[0].startswith(f"{name}{type_}")
        assert destination[1] == "Arn"


def test_quarantine_has_a_key_of_its_own_and_stays_in_production(template: Template) -> None:
    buckets = {
        name: bucket
        for name, bucket in template.find_resources("AWS::S3::Bucket").items()
        if "Bucket" in name and "AccessLogs" not in name
    }
    assert len(buckets) == 3
    for name, bucket in buckets.items():
        assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        key = rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]["Fn::GetAtt"][0]
        assert key.startswith("CopiesKey" if name.startswith("Copies") else "ByQueueKey")


def test_function_gets_the_quarantine_and_skips_by_key_as_variables(template: Template) -> None:
    for skips in ("true", "false"):
        template.has_resource_properties(
            "AWS::Lambda::Function",
            {
                "Environment": {
                    "Variables": Match.object_like(
                        {
                            "OWN": "x",
                            "SKIPS_BY_KEY": skips,
                            "QUARANTINE_BUCKET_NAME": {"Ref": Match.string_like_regexp("Quarantine")},
                        }
                    )
                }
            },
        )


def test_the_function_may_write_to_quarantine_and_not_read_it(template: Template) -> None:
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
    statements = [each for policy in policies.values() for each in policy["Properties"]["PolicyDocument"]["Statement"]]
    about = [each for each in statements if "Quarantine" in json.dumps(each["Resource"])]
    assert len(about) == 2
    assert {each["Action"] for each in about} == {"s3:PutObject"}
    assert all("/quarantined/*" in json.dumps(each["Resource"]) for each in about)


@pytest.mark.parametrize(
    ("namespace", "metric", "threshold"),
    [
        ("AWS/Lambda", "IteratorAge", 900_000),
        ("AWS/Lambda", "DestinationDeliveryFailures", 1),
        ("AWS/S3", "PutRequests", 1),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1),
        ("Penstock/prod/Some/Copies", "Quarantined", 1),
    ],
)
def test_stream_consumer_alarms_notify_the_topic(
    template: Template, namespace: str, metric: str, threshold: int
) -> None:
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": namespace,
            "MetricName": metric,
            "Threshold": threshold,
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Ref": Match.string_like_regexp("^AlarmsTopic")}],
        },
    )


def test_quarantine_metric_matches_the_runtimes_log_line(template: Template) -> None:
    """Of the log line of the runtime, and of the requests of Lambda's own prefix."""
    message = stream_consumer.QUARANTINED_MESSAGE
    pattern = f'{{ $.message = "{message}" }}'
    template.all_resources_properties("AWS::Logs::MetricFilter", {"FilterPattern": pattern})
    runtime = ast.parse((Path(stream_consumer.__file__).parents[1] / "runtime" / "stream.py").read_text())
    assert message in {node.value for node in ast.walk(runtime) if isinstance(node, ast.Constant)}
    template.has_resource_properties(
        "AWS::S3::Bucket", {"MetricsConfigurations": [{"Id": "Copies", "Prefix": "aws/lambda/"}]}
    )


def test_redrive_output_names_every_resource(built: tuple[Template, StreamConsumer, StreamConsumer]) -> None:
    _, copies, pointers = built
    for made, expected in ((copies, "failures"), (pointers, "pointers")):
        text = json.dumps(cdk.Stack.of(made).resolve(made.redrive))
        assert [name for name in ("function", "stream", "quarantine") if f'\\"{name}\\":' not in text] == []
        assert [name for name in ("failures", "pointers") if f'\\"{name}\\":' in text] == [expected]


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"retries": 2}, r"retries=2 is not allowed; give 3 to 10: with fewer, good records are given up"),
        ({"retries": 11}, r"retries=11 is not allowed"),
        ({"retries": -1}, r"retries=-1 is not allowed.*without an end, one bad record stops"),
        ({"record_age": cdk.Duration.minutes(59)}, r"record_age=3540 s is not allowed; give 1 h to 7 days"),
        ({"record_age": cdk.Duration.days(8)}, r"record_age=691200 s .* stops its shard until it expires"),
        ({"batch_size": 0}, r"batch_size=0 is not allowed; give 1 to 1024"),
        ({"batch_size": 101, "retries": 6}, r"batch_size=101 is not allowed; give 1 to 64, .* retries=6: halving must"),
        ({"parallelization": 0}, r"parallelization=0 is not allowed; give 1 to 10"),
        ({"parallelization": 11}, r"parallelization=11 is not allowed"),
        ({"window": cdk.Duration.seconds(301)}, r"window=301 s is not allowed; give 0 to 300 s"),
        ({"pointer_retention": cdk.Duration.hours(23)}, r"pointer_retention=23 h is not allowed; give 24 to 336 h"),
        ({"operator_time": cdk.Duration.hours(23)}, r"operator_time=23 h is not allowed; give at least 24 h"),
        ({"iterator_age": cdk.Duration.hours(24)}, r"iterator_age=86400 s is not allowed; give 60 s up to record_age"),
        ({"function": function(timeout=cdk.Duration.seconds(9))}, r"timeout=9 s is not allowed; give at least 10 s"),
    ],
)
def test_what_would_lose_or_hold_up_records_is_refused(settings: dict[str, Any], refusal: str) -> None:
    with pytest.raises(ValueError, match=f"{HANDLER}: {refusal}"):
        StreamConsumerSettings(**({"function": function()} | settings))


def test_a_function_that_could_not_serve_every_shard_is_refused(scratch: StackScope) -> None:
    settings = StreamConsumerSettings(function=function(reserved_concurrency=5), parallelization=2)
    stream = Stream(scratch.stack, "Three", environment=scratch.environment, settings=StreamSettings(shards=3))
    with pytest.raises(ValueError, match=r"reserved_concurrency=5 is not allowed; give at least 6, a call for each of"):
        StreamConsumer(
            scratch.stack,
            "Throttled",
            environment=scratch.environment,
            stream=stream,
            alarms_to=scratch.alarms,
            settings=settings,
        )


@pytest.mark.parametrize("setting", ["bisect", "bisect_batch_on_error", "report_batch_item_failures"])
def test_bisecting_and_partial_responses_are_no_settings(setting: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        StreamConsumerSettings(function=function(), **{setting: False})  # type: ignore[arg-type]  # there is none


@pytest.mark.parametrize(
    ("hours", "settings", "least"),
    [
        (168, {"operator_time": cdk.Duration.hours(145)}, 169),
        (168, {"record_age": cdk.Duration.days(7)}, 240),
        (191, {"destination": Destination.POINTERS}, 192),
        (250, {"destination": Destination.POINTERS, "pointer_retention": cdk.Duration.days(14)}, 432),
    ],
)
def test_stream_consumer_refuses_a_retention_shorter_than_an_operator_needs(
    scratch: StackScope, hours: int, settings: dict[str, Any], least: int
) -> None:
    with pytest.raises(ValueError, match=rf"retention={hours} h of \S+ is not allowed; give at least {least} h"):
        consumer(scratch, f"Short{least}", hours=hours, **settings)
