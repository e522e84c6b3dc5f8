"""Changes of a table that are sent again: read from the table's stream, and mended."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from services.library.operations.failed_batches import FailedBatchCopies
from services.library.operations.records import RedriveVerdict, TableChange, parse_record
from services.library.operations.table_stream import TableStreamReader
from services.library.runtime import quarantine
from services.library.runtime.stream import StreamRecord

ARN = "arn:aws:dynamodb:eu-west-1:111111111111:table/orders/stream/2026-11-30T03:00:00.000"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEYS = {"id": {"S": "7"}}


def sequence(number: int) -> str:
    """A sequence number, of 21 digits at least, zeros at the beginning among them."""
    return f"{number:021d}"


def change(number: int, *, at: datetime = NOON, **item: Any) -> dict[str, Any]:
    """A change as GetRecords answers it."""
    images = {"Keys": KEYS, "NewImage": {**KEYS, **item}, "SequenceNumber": sequence(number)}
    times = {"ApproximateCreationDateTime": at}
    return {"eventID": str(number), "eventName": "INSERT", "dynamodb": {**images, **times}}


class Streams:
    """DynamoDB Streams: shard -> pages, as GetRecords answers one after the other."""

    class exceptions:  # noqa: N801 - boto3's name
        ClientError = ClientError

    def __init__(self, shards: dict[str, list[list[dict[str, Any]]]]) -> None:
        self.shards = shards
        self.calls = 0

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert StreamArn == ARN
        left = [shard for shard in self.shards if shard > ExclusiveStartShardId]
        found: dict[str, Any] = {"Shards": [{"ShardId": shard} for shard in left[:1]]}
        return {"StreamDescription": found | ({"LastEvaluatedShardId": left[0]} if len(left) > 1 else {})}

    def get_shard_iterator(self, *, ShardId: str, **at: str) -> dict[str, str]:  # noqa: N803 - as above
        if ShardId not in self.shards:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "GetShardIterator")
        assert at["ShardIteratorType"] == ("AT_SEQUENCE_NUMBER" if "SequenceNumber" in at else "TRIM_HORIZON")
        known = {change["dynamodb"]["SequenceNumber"] for page in self.shards[ShardId] for change in page}
        if at.get("SequenceNumber", "") not in {*known, ""}:
            raise ClientError({"Error": {"Code": "TrimmedDataAccessException", "Message": ""}}, "GetShardIterator")
        return {"ShardIterator": f"{ShardId}/0"}

    def get_records(self, *, ShardIterator: str) -> dict[str, Any]:  # noqa: N803 - as above
        shard, _, page = ShardIterator.partition("/")
        pages = self.shards[shard]
        self.calls += 1
        found = pages[int(page)] if int(page) < len(pages) else []
        return {"Records": found, "NextShardIterator": f"{shard}/{int(page) + 1}"}  # of an open shard, for ever


def reader(**shards: list[list[dict[str, Any]]]) -> TableStreamReader:
    return TableStreamReader(Streams(shards), arn=ARN)


class Bucket:
    """S3 with one failed batch in it."""

    def __init__(self, batch: dict[str, Any]) -> None:
        self.batch = batch

    def get_paginator(self, _name: str) -> "Bucket":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": "aws/lambda/1"}]}]

    def get_object(self, **_: str) -> dict[str, Any]:
        return {"Body": self}

    def read(self) -> bytes:
        return json.dumps(self.batch).encode()


class TestReading:
    def test_a_change_is_read_in_the_form_in_which_lambda_passes_it(self) -> None:
        (found,) = reader(a=[[change(1, photo={"B": b"\x00\xff"})]]).between("a", sequence(1), sequence(1), source="s")
        image = {**KEYS, "photo": {"B": base64.b64encode(b"\x00\xff").decode()}}
        assert json.loads(found.data) == {"event": "INSERT", "keys": KEYS, "new": image}
        assert StreamRecord.of(json.loads(json.dumps(found.raw))).sequence == sequence(1)

    def test_empty_pages_before_a_change_are_read_over_and_an_open_shard_ends(self) -> None:
        read = reader(a=[[], [], [change(1)], [], [change(2), change(3)]])
        found = read.between("a", sequence(1), sequence(2), source="s")
        assert [each.sequence for each in found] == [sequence(1), sequence(2)]
        assert len(list(read.between("a", sequence(1), sequence(9), source="s"))) == 3

    def test_since_reads_every_shard_from_a_moment_on(self) -> None:
        late = NOON + timedelta(hours=1)
        read = reader(a=[[change(1), change(2, at=late)]], b=[[change(3, at=late)]])
        assert [each.sequence for each in read.since(late)] == [sequence(2), sequence(3)]

    @pytest.mark.parametrize(
        ("shards", "left"), [({"a": [[change(1), change(2)]]}, 2), ({"a": [[change(2)]]}, 1), ({}, 0)]
    )
    def test_a_pointer_whose_changes_are_gone_after_24_hours_is_expired(
        self, shards: dict[str, list[list[dict[str, Any]]]], left: int
    ) -> None:
        pointer = {"shardId": "a", "batchSize": 2}
        pointer |= {"startSequenceNumber": sequence(1), "endSequenceNumber": sequence(2)}
        bucket = Bucket({"DDBStreamBatchInfo": pointer})
        (batch,) = FailedBatchCopies(bucket, bucket="failures").read(reader(**shards))
        assert len(batch.records) == left
        expired = f"{2 - left} of 2 records are no longer in the stream"
        assert (batch.lost and (batch.lost.verdict, batch.lost.note)) == (
            None if left == 2 else (RedriveVerdict.EXPIRED, expired)
        )


class TestMending:
    def raw(self) -> dict[str, Any]:
        images = {"Keys": KEYS, "NewImage": {**KEYS, "state": {"S": "?"}}, "OldImage": KEYS, "SequenceNumber": "100"}
        return {"eventID": "1", "eventName": "MODIFY", "eventSourceARN": ARN, "dynamodb": images}

    def test_a_change_has_the_place_and_the_payload_that_the_consumer_gives_it(self) -> None:
        record, here = parse_record(self.raw(), "s"), StreamRecord.of(self.raw())
        assert (record.shard, record.sequence, record.partition_key) == (here.shard, here.sequence, here.key)
        assert (record.data, record.quarantine_key) == (here.data, quarantine.object_key(here))

    def test_a_mended_change_has_other_images_and_its_own_place(self) -> None:
        record = parse_record(self.raw(), "s")
        told = {"event": "INSERT", "keys": KEYS, "new": {**KEYS, "state": {"S": "paid"}}}
        mended = record.with_data(json.dumps(told).encode(), "file")
        assert json.loads(StreamRecord.of(mended.raw).data) == told
        assert (mended.position, mended.partition_key, mended.is_mended) == (
            record.position,
            record.partition_key,
            True,
        )

    @pytest.mark.parametrize(
        ("payload", "said"),
        [
            (b"{", "it is no JSON"),
            (b"\xff", "it is no JSON"),
            (b"[]", "its members are event, one of INSERT, MODIFY, REMOVE, keys, new and old"),
            (b'{"event": "MERGE", "keys": {"id": {"S": "7"}}}', "its members are event"),
            (b'{"event": "INSERT", "keys": {"id": {"S": "7"}}, "more": 1}', "its members are event"),
            (b'{"event": "INSERT", "keys": {"id": {"S": "8"}}}', "its keys are those of another item"),
        ],
    )
    def test_what_is_no_change_of_the_item_is_refused_and_not_quoted(self, payload: bytes, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            parse_record(self.raw(), "s").with_data(payload, "file")

    def test_a_record_without_an_item_is_none(self) -> None:
        raw = self.raw()
        del raw["dynamodb"]["Keys"]
        with pytest.raises(KeyError):
            parse_record(raw, "s")
        assert isinstance(parse_record(self.raw(), "s"), TableChange)
