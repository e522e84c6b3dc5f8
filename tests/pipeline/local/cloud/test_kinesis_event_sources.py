"""Streams call functions as Lambda documents it, and lose nothing when a function or the emulator dies.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.consumers import Consumer, Queue, Stream
from tests.testbed.functions import ACCOUNT, REGION, until
from tests.testbed.killing import kill

pytestmark = pytest.mark.cloud

_numbers = itertools.count()
REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
HORIZON = {"StartingPosition": "TRIM_HORIZON"}
MadeBy = Callable[..., tuple[Stream, Consumer]]


def made_in(cloud: LocalCloud, folder: Path, *, shards: int = 1, **function: Any) -> tuple[Stream, Consumer]:
    stream = Stream(cloud=cloud, name=f"stream-{next(_numbers)}", shards=shards).make()
    return stream, Consumer(cloud=cloud, folder=folder).make(**function)


@pytest.fixture
def made(cloud: LocalCloud, tmp_path: Path) -> MadeBy:
    """A stream and a function; both of its own."""
    return lambda **settings: made_in(cloud, tmp_path, **settings)


def items(*wrong: int, do: str = "raise", count: int = 8) -> list[dict[str, Any]]:
    return [{"n": number, **({"do": do} if number in wrong else {})} for number in range(count)]


def test_a_function_gets_the_documented_event(made: MadeBy) -> None:
    stream, consumer = made()
    consumer.map(stream.arn, **HORIZON)
    (number,) = stream.put([{"n": 1, "key": "patient-7"}])
    consumer.until(bool)
    ((record,),) = [note["records"] for note in consumer.notes()]
    assert set(record) == {
        "kinesis",
        "eventSource",
        "eventVersion",
        "eventID",
        "eventName",
        "invokeIdentityArn",
        "awsRegion",
        "eventSourceARN",
    }
    assert record["eventID"] == f"shardId-000000000000:{number}"
    assert record["eventSourceARN"] == stream.arn
    assert record["kinesis"]["partitionKey"] == "patient-7"
    assert record["kinesis"]["sequenceNumber"] == number
    assert set(record["kinesis"]) == {
        "kinesisSchemaVersion",
        "partitionKey",
        "sequenceNumber",
        "data",
        "approximateArrivalTimestamp",
    }


def test_a_batch_is_halved_until_the_poison_pill_is_alone(cloud: LocalCloud, made: MadeBy) -> None:
    """BisectBatchOnFunctionError: "If the function returns an error, split the batch in two and retry"; the pill alone
    reaches the destination, and only its whereabouts: "each record sent to the destination is a JSON document with
    metadata about the failed invocation".
    """
    stream, consumer = made()
    destination = Queue(cloud, f"failed-{stream.name}")
    numbers = stream.put(items(5))
    consumer.map(
        stream.arn,
        BatchSize=8,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": destination.arn}},
        **HORIZON,
    )
    (told,) = destination.take(1)
    batches = consumer.until(lambda batches: [6, 7] in batches)
    assert batches == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [5], [5], [6, 7]]
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 3
    assert told["requestContext"]["functionArn"].endswith(f":function:{consumer.name}")
    assert told["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert told["version"] == "1.0"
    batch = told["KinesisBatchInfo"]
    assert batch["shardId"] == "shardId-000000000000"
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"] == numbers[5]
    assert batch["batchSize"] == 1
    assert batch["streamArn"] == stream.arn
    assert batch["approximateArrivalOfFirstRecord"].endswith("Z")
    assert "payload" not in told


def test_a_topic_is_told_the_same_as_a_queue(cloud: LocalCloud, made: MadeBy) -> None:
    stream, consumer = made()
    queue = Queue(cloud, f"subscribed-{stream.name}")
    topic = cloud.client("sns", ACCOUNT, REGION).create_topic(Name=f"failed-{stream.name}")["TopicArn"]
    cloud.client("sns", ACCOUNT, REGION).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    (number,) = stream.put([{"n": 0, "do": "exit"}])
    consumer.map(stream.arn, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": topic}}, **HORIZON)
    (notification,) = queue.take(1)
    assert json.loads(notification["Message"])["KinesisBatchInfo"]["startSequenceNumber"] == number


def test_a_bucket_gets_the_records_too(cloud: LocalCloud, made: MadeBy) -> None:
    """For an S3 destination "Lambda sends the entire invocation record along with the metadata", in an object named
    `aws/lambda/<ESM-UUID>/<shardID>/YYYY-MM-DDTHH.MM.SS-<Random UUID>`.
    """
    stream, consumer = made()
    s3 = cloud.client("s3", ACCOUNT, REGION)
    bucket = f"failed-{stream.name}"
    s3.create_bucket(Bucket=bucket)
    numbers = stream.put(items(1, count=2))
    mapping = consumer.map(
        stream.arn,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
        **HORIZON,
    )
    (found,) = until(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents", []), bool)
    moment = r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"aws/lambda/{mapping}/shardId-000000000000/{moment}", found["Key"])
    document = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert document["KinesisBatchInfo"]["batchSize"] == 2
    records = document["payload"]["Records"]
    assert [record["kinesis"]["sequenceNumber"] for record in records] == numbers
    assert records == consumer.notes()[0]["records"]


def test_the_lowest_number_reported_is_where_the_batch_goes_on(made: MadeBy) -> None:
    """Documented: "If the batchItemFailures array contains multiple items, Lambda uses the record with the lowest
    sequence number as the checkpoint."
    """
    stream, consumer = made()
    stream.put(items(3, 6, do="report"))
    consumer.map(stream.arn, MaximumRetryAttempts=5, **HORIZON, **REPORTS)
    consumer.until(lambda batches: len(batches) > 1)
    consumer.mend()
    batches = consumer.until(lambda batches: len(batches) > 2)
    assert batches[0] == [*range(8)]
    assert batches[1] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("answer", ["garbage", "text"])
def test_an_answer_that_is_none_fails_the_whole_batch(made: MadeBy, answer: str) -> None:
    stream, consumer = made()
    stream.put(items(5, do=answer))
    consumer.map(stream.arn, MaximumRetryAttempts=5, **HORIZON, **REPORTS)
    batches = consumer.until(lambda batches: len(batches) > 1)
    assert batches[:2] == [[*range(8)], [*range(8)]]


def test_a_shard_waits_for_its_failing_batch_and_other_shards_go_on(made: MadeBy) -> None:
    """Documented: "a bad record can block processing on the affected shard", so on no other."""
    stream, consumer = made(shards=2)
    consumer.map(stream.arn, BatchSize=1, **HORIZON)
    keys = {shard_of(stream, key): key for key in map(str, range(20))}
    assert len(keys) == 2
    stuck, free = keys.values()
    stream.put([{"n": 0, "key": stuck, "do": "raise"}, {"n": 1, "key": stuck}, {"n": 2, "key": free}])
    consumer.until(lambda batches: [2] in batches and batches.count([0]) > 2)
    assert [1] not in consumer.batches()
    consumer.mend()
    consumer.until(lambda batches: [1] in batches)


def shard_of(stream: Stream, key: str) -> str:
    answer = stream.client.put_record(StreamName=stream.name, Data=b'{"n": -1}', PartitionKey=key)
    return str(answer["ShardId"])


def test_with_a_parallelization_factor_keys_keep_their_order_and_others_go_on(made: MadeBy) -> None:
    """Documented: "Lambda still ensures in-order processing at the partition-key level."""
    stream, consumer = made()
    consumer.map(stream.arn, BatchSize=2, ParallelizationFactor=8, **HORIZON)
    stream.put([{"n": 0, "key": "stuck", "do": "raise"}, {"n": 1, "key": "stuck"}])
    stream.put([{"n": 10 + number, "key": f"k{number % 20}"} for number in range(40)])
    consumer.until(lambda batches: len({number for batch in batches for number in batch}) > 30)
    consumer.mend()
    consumer.until(lambda batches: {*range(10, 50), 0, 1} == {number for batch in batches for number in batch})
    for key in range(20):
        of_key = [number for number in consumer.given() if number >= 10 and (number - 10) % 20 == key]
        firsts = list(dict.fromkeys(of_key))
        assert firsts == [10 + key, 30 + key]


def test_a_full_batch_does_not_wait_for_its_window(made: MadeBy) -> None:
    stream, consumer = made()
    consumer.map(stream.arn, BatchSize=3, MaximumBatchingWindowInSeconds=300, **HORIZON)
    stream.put(items(count=2))
    stream.put([{"n": 2}])
    assert consumer.until(bool) == [[0, 1, 2]]


def test_a_mapping_begins_where_it_says(made: MadeBy) -> None:
    stream, consumer = made()
    stream.put([{"n": 0}])
    between = datetime.now(UTC)
    stream.put([{"n": 1}])
    consumer.map(stream.arn, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=between)
    consumer.until(lambda batches: batches == [[1]])
    consumer.map(stream.arn, StartingPosition="LATEST")
    stream.put([{"n": 2}])
    consumer.until(lambda batches: sorted(batches) == [[1], [2], [2]])


def test_a_mapping_that_is_enabled_again_goes_on_where_it_was(cloud: LocalCloud, made: MadeBy) -> None:
    stream, consumer = made()
    mapping = consumer.map(stream.arn, Enabled=False, **HORIZON)
    lambda_ = cloud.client("lambda", ACCOUNT, REGION)
    assert lambda_.get_event_source_mapping(UUID=mapping)["State"] == "Disabled"
    stream.put([{"n": 0}])
    lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
    consumer.until(lambda batches: batches == [[0]])
    lambda_.update_event_source_mapping(UUID=mapping, Enabled=False)
    stream.put([{"n": 1}])
    lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
    consumer.until(lambda batches: batches == [[0], [1]])
    lambda_.delete_event_source_mapping(UUID=mapping)
    stream.put([{"n": 2}])
    consumer.map(stream.arn, StartingPosition="LATEST")
    stream.put([{"n": 3}])
    consumer.until(lambda batches: batches == [[0], [1], [3]])


def test_new_settings_count_for_what_is_being_retried(cloud: LocalCloud, made: MadeBy) -> None:
    stream, consumer = made()
    mapping = consumer.map(stream.arn, **HORIZON)
    stream.put(items(0))
    consumer.until(lambda batches: len(batches) > 1)
    cloud.client("lambda", ACCOUNT, REGION).update_event_source_mapping(
        UUID=mapping, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0
    )
    consumer.until(lambda batches: [4, 5, 6, 7] in batches)


def test_a_registered_consumer_is_a_source_too(made: MadeBy) -> None:
    stream, consumer = made()
    registered = stream.client.register_stream_consumer(StreamARN=stream.arn, ConsumerName="reader")
    consumer.map(registered["Consumer"]["ConsumerARN"], **HORIZON)
    stream.put([{"n": 0}])
    consumer.until(lambda batches: batches == [[0]])


def test_filtered_records_never_reach_the_function(made: MadeBy) -> None:
    stream, consumer = made()
    consumer.map(stream.arn, FilterCriteria={"Filters": [{"Pattern": json.dumps({"data": {"n": [1, 3]}})}]}, **HORIZON)
    stream.put(items(count=4))
    consumer.until(lambda batches: [number for batch in batches for number in batch] == [1, 3])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"TumblingWindowInSeconds": 5}, "tumbling windows"),
        ({"BatchSize": 10_001}, "BatchSize is 10001"),
        ({"ParallelizationFactor": 11}, "ParallelizationFactor is 11"),
        ({"MaximumRecordAgeInSeconds": 5}, "at least 60"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPositionTimestamp"),
    ],
)
def test_a_wrong_setting_is_refused_and_named(made: MadeBy, wrong: dict[str, Any], named: str) -> None:
    stream, consumer = made()
    with pytest.raises(ClientError, match=named) as refused:
        consumer.map(stream.arn, **(HORIZON | wrong))
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_what_is_left_out_is_as_on_aws(cloud: LocalCloud, made: MadeBy) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    stream, consumer = made()
    found = cloud.client("lambda", ACCOUNT, REGION).get_event_source_mapping(UUID=consumer.map(stream.arn, **HORIZON))
    defaults = {
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
    }
    assert defaults.items() <= found.items()


def deploy(cloud: LocalCloud, stack: str, mapping: dict[str, Any], *, update: bool = False) -> dict[str, Any]:
    """Deploy a mapping from a template; the stack as it is then."""
    formation = cloud.client("cloudformation", ACCOUNT, REGION)
    template = {
        "Resources": {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping}},
        "Outputs": {"Id": {"Value": {"Ref": "Mapping"}}},
    }
    (formation.update_stack if update else formation.create_stack)(StackName=stack, TemplateBody=json.dumps(template))
    found: dict[str, Any] = until(
        lambda: formation.describe_stacks(StackName=stack)["Stacks"][0],
        lambda stack: not stack["StackStatus"].endswith("IN_PROGRESS"),
    )
    return found


def test_a_template_makes_changes_and_removes_a_mapping(cloud: LocalCloud, made: MadeBy) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html"""
    stream, consumer = made()
    stack = f"mapping-{stream.name}"
    properties = {"FunctionName": consumer.name, "EventSourceArn": stream.arn, **HORIZON}
    retried = {"MaximumRetryAttempts": 3, "MaximumRecordAgeInSeconds": 3600, "BisectBatchOnFunctionError": True}
    assert deploy(cloud, stack, properties | retried)["StackStatus"] == "CREATE_COMPLETE"
    lambda_ = cloud.client("lambda", ACCOUNT, REGION)
    (first,) = lambda_.list_event_source_mappings(EventSourceArn=stream.arn)["EventSourceMappings"]
    assert retried.items() <= first.items()
    stream.put([{"n": 0}])
    consumer.until(lambda batches: batches == [[0]])
    changed = deploy(cloud, stack, properties | {"MaximumRetryAttempts": 5, **REPORTS}, update=True)
    assert [output["OutputValue"] for output in changed["Outputs"]] == [first["UUID"]]
    second = lambda_.get_event_source_mapping(UUID=first["UUID"])
    assert second["MaximumRetryAttempts"] == 5
    assert second["MaximumRecordAgeInSeconds"] == -1
    assert second["BisectBatchOnFunctionError"] is False
    assert second["FunctionResponseTypes"] == REPORTS["FunctionResponseTypes"]
    cloud.client("cloudformation", ACCOUNT, REGION).delete_stack(StackName=stack)
    until(
        lambda: lambda_.list_event_source_mappings(EventSourceArn=stream.arn)["EventSourceMappings"], lambda m: m == []
    )


def test_a_template_with_a_setting_that_lambda_refuses_fails(cloud: LocalCloud, made: MadeBy) -> None:
    stream, consumer = made()
    properties = {"FunctionName": consumer.name, "EventSourceArn": stream.arn, "TumblingWindowInSeconds": 5, **HORIZON}
    assert deploy(cloud, f"mapping-{stream.name}", properties)["StackStatus"] == "ROLLBACK_COMPLETE"


def test_a_mapping_counts_its_events_when_it_is_asked_to(cloud: LocalCloud, made: MadeBy) -> None:
    """MetricsConfig (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html)."""
    stream, consumer = made()
    stream.put(items(0, count=2))
    mapping = consumer.map(stream.arn, MaximumRetryAttempts=0, MetricsConfig={"Metrics": ["EventCount"]}, **HORIZON)
    cloudwatch = cloud.client("cloudwatch", ACCOUNT, REGION)

    def counted() -> dict[str, float]:
        about = [{"Name": "EventSourceMappingUUID", "Value": mapping}]
        moment = datetime.now(UTC)
        span = {"StartTime": moment - timedelta(minutes=5), "EndTime": moment + timedelta(minutes=5), "Period": 3600}
        return {
            name: sum(
                point["Sum"]
                for point in cloudwatch.get_metric_statistics(
                    Namespace="AWS/Lambda", MetricName=name, Dimensions=about, Statistics=["Sum"], **span
                )["Datapoints"]
            )
            for name in ("InvokedEventCount", "FailedInvokeEventCount", "DroppedEventCount")
        }

    until(counted, lambda counts: set(counts.values()) == {2.0})


FreshCloud = Callable[..., LocalCloud]


def test_a_kill_of_the_emulator_loses_no_batch_that_is_being_retried(fresh_cloud: FreshCloud, tmp_path: Path) -> None:
    cloud = fresh_cloud()
    stream, consumer = made_in(cloud, tmp_path)
    stream.put(items(2))
    consumer.map(stream.arn, BatchSize=4, BisectBatchOnFunctionError=True, **HORIZON)
    consumer.until(lambda batches: batches.count([2]) > 2)
    cloud.save()
    kill(cloud)
    before = len(consumer.batches())
    fresh_cloud()
    consumer.until(lambda batches: len(batches) > before + 1)
    assert consumer.batches()[before] == [2]
    consumer.mend()
    consumer.until(lambda batches: {3, *range(4, 8)} <= {number for batch in batches[before:] for number in batch})
    assert not {0, 1} & {number for batch in consumer.batches()[before:] for number in batch}


def test_without_the_service_a_poison_pill_blocks_its_shard(fresh_cloud: FreshCloud, tmp_path: Path) -> None:
    cloud = fresh_cloud(without=("eventsources",))
    stream, consumer = made_in(cloud, tmp_path)
    stream.put(items(5))
    consumer.map(stream.arn, BatchSize=8, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0, **HORIZON)
    batches = consumer.until(lambda batches: len(batches) > 1)
    assert batches[:2] == [[*range(8)], [*range(8)]]
