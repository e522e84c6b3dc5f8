"""Streams of the local cloud: what is put comes back as written, from wherever one begins to read.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html
"""

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.consumers import Stream
from tests.testbed.functions import ACCOUNT, REGION

pytestmark = pytest.mark.cloud

_numbers = itertools.count()
FreshCloud = Callable[..., LocalCloud]
POLLING = {"Delay": 0.05, "MaxAttempts": 400}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"


def deploy(cloud: LocalCloud, stack: str, resources: dict[str, Any], *, update: bool = False) -> dict[str, str]:
    """Deploy a template; its outputs are the Ref of each resource."""
    formation = cloud.client("cloudformation", ACCOUNT, REGION)
    outputs = {name: {"Value": {"Ref": name}} for name in resources}
    template = json.dumps({"Resources": resources, "Outputs": outputs})
    (formation.update_stack if update else formation.create_stack)(StackName=stack, TemplateBody=template)
    done = "stack_update_complete" if update else "stack_create_complete"
    formation.get_waiter(done).wait(StackName=stack, WaiterConfig=POLLING)
    (found,) = formation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def stream_type(**properties: Any) -> dict[str, Any]:
    encryption = {"EncryptionType": "KMS", "KeyId": KEY}
    return {"Type": "AWS::Kinesis::Stream", "Properties": {"StreamEncryption": encryption, **properties}}


def read(stream: Stream, shard: str, kind: str, **where: Any) -> list[int]:
    iterator = stream.client.get_shard_iterator(StreamName=stream.name, ShardId=shard, ShardIteratorType=kind, **where)[
        "ShardIterator"
    ]
    records = stream.client.get_records(ShardIterator=iterator)["Records"]
    return [json.loads(record["Data"])["n"] for record in records]


def test_a_stream_of_a_template_is_encrypted_and_keeps_its_records(cloud: LocalCloud) -> None:
    stack = f"kinesis-{next(_numbers)}"
    resources = {"Stream": stream_type(ShardCount=2, RetentionPeriodHours=168)}
    name = deploy(cloud, stack, resources)["Stream"]
    stream = Stream(cloud=cloud, name=name)
    (answer,) = [stream.client.put_record(StreamName=name, Data=b'{"n": 1}', PartitionKey="k")]
    assert answer["EncryptionType"] == "KMS"
    found = stream.client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert (found["EncryptionType"], found["KeyId"]) == ("KMS", KEY)
    assert (found["RetentionPeriodHours"], found["OpenShardCount"]) == (168, 2)
    resources = {"Stream": stream_type(ShardCount=2, RetentionPeriodHours=336)}
    del resources["Stream"]["Properties"]["StreamEncryption"]
    assert deploy(cloud, stack, resources, update=True)["Stream"] == name
    found = stream.client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert (found["EncryptionType"], found["RetentionPeriodHours"]) == ("NONE", 336)
    assert read(stream, answer["ShardId"], "TRIM_HORIZON") == [1]


def test_a_stream_on_demand_begins_with_four_shards(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html"""
    mode = {"StreamMode": "ON_DEMAND"}
    name = deploy(cloud, f"kinesis-{next(_numbers)}", {"Stream": stream_type(StreamModeDetails=mode)})["Stream"]
    other = f"kinesis-{next(_numbers)}"
    client = cloud.client("kinesis", ACCOUNT, REGION)
    client.create_stream(StreamName=other, StreamModeDetails=mode)
    for each in (name, other):
        summary = client.describe_stream_summary(StreamName=each)["StreamDescriptionSummary"]
        assert summary["OpenShardCount"] == 4
        assert summary["StreamModeDetails"] == mode


def test_a_record_lies_in_the_shard_of_its_hash(cloud: LocalCloud) -> None:
    """An MD5 hash function maps partition keys to shards; "ExplicitHashKey [...] overrides the partition key hash"."""
    stream = Stream(cloud=cloud, name=f"kinesis-{next(_numbers)}", shards=4).make()
    shards = stream.client.list_shards(StreamName=stream.name)["Shards"]
    for shard in shards:
        begin = shard["HashKeyRange"]["StartingHashKey"]
        answer = stream.client.put_record(
            StreamName=stream.name, Data=b'{"n": 1}', PartitionKey="k", ExplicitHashKey=begin
        )
        assert answer["ShardId"] == shard["ShardId"]


def test_one_reads_from_wherever_one_begins(cloud: LocalCloud) -> None:
    stream = Stream(cloud=cloud, name=f"kinesis-{next(_numbers)}").make()
    numbers = stream.put([{"n": 0}, {"n": 1}])
    between = time.time()
    numbers += stream.put([{"n": 2}])
    assert numbers == sorted(numbers, key=int)
    (shard,) = [each["ShardId"] for each in stream.client.list_shards(StreamName=stream.name)["Shards"]]
    assert read(stream, shard, "TRIM_HORIZON") == [0, 1, 2]
    assert read(stream, shard, "LATEST") == []
    assert read(stream, shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [1, 2]
    assert read(stream, shard, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [2]
    assert read(stream, shard, "AT_TIMESTAMP", Timestamp=between) == [2]


def test_a_consumer_of_a_template_is_registered(cloud: LocalCloud) -> None:
    stack = f"kinesis-{next(_numbers)}"
    arn = {"Fn::GetAtt": ["Stream", "Arn"]}
    consumer = {
        "Type": "AWS::Kinesis::StreamConsumer",
        "Properties": {"ConsumerName": "reader", "StreamARN": arn},
    }
    refs = deploy(cloud, stack, {"Stream": stream_type(), "Consumer": consumer})
    client = cloud.client("kinesis", ACCOUNT, REGION)
    found = client.describe_stream_consumer(ConsumerARN=refs["Consumer"])["ConsumerDescription"]
    assert (found["ConsumerName"], found["ConsumerStatus"]) == ("reader", "ACTIVE")
    deploy(cloud, stack, {"Stream": stream_type()}, update=True)
    assert client.list_stream_consumers(StreamARN=found["StreamARN"])["Consumers"] == []


def test_without_the_service_encryption_in_a_template_is_lost(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(without=("kinesis",))
    name = deploy(cloud, "stream", {"Stream": stream_type()})["Stream"]
    summary = cloud.client("kinesis", ACCOUNT, REGION).describe_stream_summary(StreamName=name)
    assert summary["StreamDescriptionSummary"]["EncryptionType"] == "NONE"
