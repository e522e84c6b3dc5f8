"""The AWS APIs that a consumer and its re-drive use, in memory: as much of each as they call, and faults on demand."""

import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from services.ingest.runtime.ingestion import PatientChanged
from services.library.runtime.effects import Applied, Arrival, Effect, position

Hook = Callable[[str], None]
"""Called before each write with its name; raises to make the write fail."""


def no_fault(_name: str) -> None:
    """Everything works."""


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Some")


class _Exceptions:
    ClientError = ClientError


class Paginator:
    def __init__(self, bucket: "Buckets") -> None:
        self.buckets = bucket

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        listed = sorted(key for key in self.buckets.objects.get(Bucket, {}) if key.startswith(Prefix))
        yield {"Contents": [{"Key": key} for key in listed]}


@dataclass(frozen=True)
class Stored:
    body: bytes
    version: str


class Buckets:
    """S3."""

    exceptions = _Exceptions

    def __init__(self, hook: Hook = no_fault) -> None:
        self.objects: dict[str, dict[str, Stored]] = {}
        self.hook = hook
        self.counter = itertools.count()

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: str) -> None:  # noqa: N803 - as above
        self.hook(f"put {Bucket}/{Key}")
        stored = Stored(body=Body, version=f"v{next(self.counter)}")
        self.objects.setdefault(Bucket, {})[Key] = stored

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - as above
        return {"Body": io.BytesIO(self.objects[Bucket][Key].body)}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - as above
        if Key not in self.objects.get(Bucket, {}):
            raise client_error("404")
        return {"VersionId": self.objects[Bucket][Key].version}

    def get_paginator(self, _name: str) -> Paginator:
        return Paginator(self)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return sorted(key for key in self.objects.get(bucket, {}) if key.startswith(prefix))

    def read(self, bucket: str, key: str) -> Any:
        return json.loads(self.objects[bucket][key].body)


class Queue:
    """SQS, one queue."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.hidden: set[str] = set()

    def receive_message(self, **_settings: Any) -> dict[str, Any]:
        shown = [id_ for id_ in self.messages if id_ not in self.hidden][:10]
        self.hidden |= set(shown)
        return {"Messages": [{"MessageId": id_, "ReceiptHandle": id_, "Body": self.messages[id_]} for id_ in shown]}

    def delete_message(self, *, ReceiptHandle: str, **_: str) -> None:  # noqa: N803 - as above
        del self.messages[ReceiptHandle]

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_: str) -> None:  # noqa: N803 - as above
        assert VisibilityTimeout == 0
        self.hidden.discard(ReceiptHandle)

    def send(self, body: Mapping[str, Any]) -> None:
        self.messages[f"m-{len(self.messages)}-{body['KinesisBatchInfo']['startSequenceNumber']}"] = json.dumps(body)


class Kinesis:
    """One stream: shard -> records in their order, as GetRecords answers them."""

    exceptions = _Exceptions

    def __init__(self, shards: Mapping[str, list[dict[str, Any]]]) -> None:
        self.shards = {shard: list(records) for shard, records in shards.items()}
        self.page = 3

    def trim(self, shard: str, before: str) -> None:
        """Let the oldest records expire."""
        self.shards[shard] = [each for each in self.shards[shard] if int(each["SequenceNumber"]) >= int(before)]

    def list_shards(self, **_settings: Any) -> dict[str, Any]:
        return {"Shards": [{"ShardId": shard} for shard in self.shards]}

    def get_shard_iterator(self, *, ShardId: str, ShardIteratorType: str, **at: Any) -> dict[str, Any]:  # noqa: N803 - as above
        if ShardId not in self.shards:
            raise client_error("ResourceNotFoundException")
        if ShardIteratorType == "AT_SEQUENCE_NUMBER":
            start = next(
                (
                    index
                    for index, each in enumerate(self.shards[ShardId])
                    if int(each["SequenceNumber"]) >= int(at["StartingSequenceNumber"])
                ),
                len(self.shards[ShardId]),
            )
        else:
            start = sum(each["ApproximateArrivalTimestamp"] < at["Timestamp"] for each in self.shards[ShardId])
        return {"ShardIterator": f"{ShardId}/{start}"}

    def get_records(self, *, ShardIterator: str) -> dict[str, Any]:  # noqa: N803 - as above
        shard, _, start = ShardIterator.rpartition("/")
        records = self.shards[shard][int(start) : int(start) + self.page]
        rest = len(self.shards[shard]) - int(start) - len(records)
        return {
            "Records": records,
            "NextShardIterator": f"{shard}/{int(start) + len(records)}",
            "MillisBehindLatest": rest,
        }


@dataclass
class Patients:
    """Where ingest's effects go. `hook` is asked before and after each."""

    hook: Hook = no_fault
    effects: dict[str, Effect] = field(default_factory=dict)
    """In the order in which they were applied."""
    versions: dict[str, int] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    events: list[PatientChanged] = field(default_factory=list)
    late: set[str] = field(default_factory=set)

    def arrive(self, id_: str, *, key: str, sequence: str) -> Arrival:
        raise AssertionError(id_, key, sequence)

    def apply(self, effect: Effect) -> Applied:
        self.hook("apply")
        first_time = effect.id not in self.effects
        if first_time:
            self.effects[effect.id] = effect
            self.versions[effect.key] = self.versions.get(effect.key, 0) + 1
            at = position(effect.sequence)
            if at > self.newest.get(effect.key, ""):
                self.newest[effect.key] = at
            else:
                self.late.add(effect.id)
        self.hook("applied")
        return Applied(
            version=self.versions[effect.key],
            first_time=first_time,
            announced=effect.id in self.told,
            recorded={} if first_time else {"digest": {"S": self.effects[effect.id].digest}},
        )

    def announced(self, effect: Effect) -> None:
        self.hook("announce")
        self.told.add(effect.id)

    def publish(self, event: PatientChanged) -> None:
        self.hook("publish")
        self.events.append(event)

    def fetch(self, claim: str) -> bytes:
        raise AssertionError(claim)

    def keep(self, change_id: str, payload: bytes) -> str:
        raise AssertionError(change_id, len(payload))
