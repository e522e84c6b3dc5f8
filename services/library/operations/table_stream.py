"""Changes read again from a table's stream, which keeps them for 24 hours, in the form in which Lambda passes them."""

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from services.library.operations.records import RedriveRecord, TableChange

TRIMMED, GONE = "TrimmedDataAccessException", "ResourceNotFoundException"
"""Error codes for a position that the stream has forgotten, and for a shard that it no longer has.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html"""
MOST_EMPTY_PAGES = 5
"""Pages without a change after which an open shard counts as read to its end: nothing of it says how far behind it is,
and "it might take multiple calls to get to a portion of the shard that contains stream records".
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html"""


class TableStreamReader:
    """Reads changes of one table."""

    def __init__(self, streams: Any, *, arn: str) -> None:
        self.streams = streams
        self.arn = arn

    def between(self, shard: str, first: str, last: str, *, source: str) -> Iterator[RedriveRecord]:
        """Yield the changes of a shard from one sequence number to another that the stream still has."""
        for record in self._read(self._iterator(shard, first=first), source=source):
            if int(record.sequence) > int(last):
                return
            if int(record.sequence) >= int(first):
                yield record

    def since(self, moment: datetime) -> Iterator[RedriveRecord]:
        """Yield every change from a moment on, up to where each shard ends when it is read."""
        for shard in self._shards():
            for record in self._read(self._iterator(shard), source=f"stream {self.arn}"):
                if record.raw["dynamodb"]["ApproximateCreationDateTime"] >= moment.timestamp():
                    yield record

    def _shards(self) -> list[str]:
        """Return the ids of the shards, an older one before what it was split into."""
        answer = self.streams.describe_stream(StreamArn=self.arn)["StreamDescription"]
        shards = [shard["ShardId"] for shard in answer["Shards"]]
        while last := answer.get("LastEvaluatedShardId"):
            answer = self.streams.describe_stream(StreamArn=self.arn, ExclusiveStartShardId=last)["StreamDescription"]
            shards += [shard["ShardId"] for shard in answer["Shards"]]
        return sorted(shards)

    def _iterator(self, shard: str, *, first: str = "") -> str | None:
        """Return an iterator from a sequence number on, or from the oldest change that is left; None without shard."""
        place = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": first}
        try:
            answer = self.streams.get_shard_iterator(
                StreamArn=self.arn, ShardId=shard, **(place if first else {"ShardIteratorType": "TRIM_HORIZON"})
            )
        except self.streams.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code == TRIMMED and first:
                return self._iterator(shard)
            if code == GONE:
                return None
            raise
        iterator: str = answer["ShardIterator"]
        return iterator

    def _read(self, iterator: str | None, *, source: str) -> Iterator[RedriveRecord]:
        empty = 0
        while iterator is not None and empty < MOST_EMPTY_PAGES:
            answer = self.streams.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                yield TableChange(raw=_as_lambda_passes_it(record, self.arn), source=source)
            empty = 0 if answer["Records"] else empty + 1
            iterator = answer.get("NextShardIterator")


def _as_lambda_passes_it(record: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """Return a change in Lambda's form: bytes as base64, times as seconds.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    return {**_as_json(record), "eventSourceARN": arn}


def _as_json(value: Any) -> Any:
    match value:
        case Mapping():
            return {name: _as_json(each) for name, each in value.items()}
        case list():
            return [_as_json(each) for each in value]
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
    return value
