"""Records read again from a Kinesis stream, in the form in which Lambda passes them."""

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from services.library.operations.records import RedriveRecord

EXPIRED_ERRORS = frozenset({"ResourceNotFoundException", "InvalidArgumentException"})
"""Kinesis's error codes for a shard, or a position in it, that has expired."""


class StreamReader:
    """Reads records of one stream."""

    def __init__(self, kinesis: Any, *, name: str) -> None:
        self.kinesis = kinesis
        self.name = name

    def between(self, shard: str, first: str, last: str, *, source: str) -> Iterator[RedriveRecord]:
        """Yield the records of a shard from one sequence number to another that the stream still has."""
        try:
            iterator = self.kinesis.get_shard_iterator(
                StreamName=self.name,
                ShardId=shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                StartingSequenceNumber=first,
            )["ShardIterator"]
        except self.kinesis.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in EXPIRED_ERRORS:
                return
            raise
        for record in self._read(shard, iterator, source=source):
            if int(record.sequence) > int(last):
                return
            if int(record.sequence) >= int(first):
                yield record

    def since(self, moment: datetime) -> Iterator[RedriveRecord]:
        """Yield every record that arrived from a moment on, up to where each shard ends when it is read."""
        answer = self.kinesis.list_shards(StreamName=self.name)
        shards = [shard["ShardId"] for shard in answer["Shards"]]
        while answer.get("NextToken"):
            answer = self.kinesis.list_shards(NextToken=answer["NextToken"])
            shards += [shard["ShardId"] for shard in answer["Shards"]]
        for shard in sorted(shards):
            iterator = self.kinesis.get_shard_iterator(
                StreamName=self.name, ShardId=shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=moment
            )["ShardIterator"]
            yield from self._read(shard, iterator, source=f"stream {self.name}")

    def _read(self, shard: str, iterator: str | None, *, source: str) -> Iterator[RedriveRecord]:
        while iterator is not None:
            answer = self.kinesis.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                yield RedriveRecord(raw=_as_lambda_passes_it(shard, record), source=source)
            # A page may be empty though more follow; "a value of zero indicates that record processing is caught up".
            iterator = answer.get("NextShardIterator") if answer["MillisBehindLatest"] else None


def _as_lambda_passes_it(shard: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record in Lambda's form, without role, region and stream.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
    }
