"""Batches that Lambda gave up, read from the on-failure destination: copies in a bucket, or pointers in a queue.

"For Amazon S3 destinations, Lambda sends the entire invocation record along with the metadata"; to a queue only the
metadata. https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.library.operations.records import (
    RecordReader,
    RedriveRecord,
    RedriveResult,
    RedriveVerdict,
    parse_record,
)

COPIES_PREFIX = "aws/lambda/"
"""Lambda's own, of every object that it writes to a destination."""
HIDDEN_SECONDS = 120
"""How long a message that was looked at stays hidden from others if this is interrupted."""
POINTERS = ("KinesisBatchInfo", "DDBStreamBatchInfo")
"""Members that say where a batch is in a stream, or in a table's stream."""
MALFORMED_ERRORS = (ValueError, KeyError, TypeError, AttributeError, StopIteration)


@dataclass(frozen=True, kw_only=True)
class OnFailureRecord:
    """The records behind one object or message of the on-failure destination."""

    records: tuple[RedriveRecord, ...] = ()
    lost: RedriveResult | None = None
    """Says that it cannot be read, or that the stream no longer has all of it."""
    receipt: str | None = None
    """Of the message, if it is one."""


class FailedBatchCopies:
    """Whole batches, as objects in a bucket."""

    def __init__(self, s3: Any, *, bucket: str) -> None:
        self.s3 = s3
        self.bucket = bucket

    def read(self, stream: RecordReader) -> Iterator[OnFailureRecord]:
        """Yield the batch of each object. An object without its payload is a pointer."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=COPIES_PREFIX)
        for page in pages:
            for listed in page.get("Contents", []):
                body = self.s3.get_object(Bucket=self.bucket, Key=listed["Key"])["Body"].read()
                yield _read(body, stream, f"s3://{self.bucket}/{listed['Key']}", None)


class FailedBatchPointers:
    """Messages that say where a batch is in the stream."""

    def __init__(self, sqs: Any, *, url: str) -> None:
        self.sqs = sqs
        self.url = url

    def read(self, stream: RecordReader) -> Iterator[OnFailureRecord]:
        """Yield the batch of each message, once. They are hidden from others until they are given back or deleted."""
        seen: set[str] = set()
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=HIDDEN_SECONDS, WaitTimeSeconds=1
            )
            fresh = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
            if not fresh:
                return
            for message in fresh:
                seen.add(message["MessageId"])
                yield _read(message["Body"], stream, f"message {message['MessageId']}", message["ReceiptHandle"])

    def delete(self, receipt: str) -> None:
        """Delete a message about which nothing is left to do."""
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)

    def give_back(self, receipt: str) -> None:
        """Make a message visible to others again."""
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=0)


def _read(body: str | bytes, stream: RecordReader, source: str, receipt: str | None) -> OnFailureRecord:
    try:
        content = json.loads(body)
        if "payload" not in content:
            return _by_pointer(next(content[name] for name in POINTERS if name in content), stream, source, receipt)
        # Documented as the whole event in quotation marks; seen as an object as well.
        event = json.loads(content["payload"]) if isinstance(content["payload"], str) else content["payload"]
        records = tuple(parse_record(raw, source) for raw in event["Records"])
    except MALFORMED_ERRORS:
        return OnFailureRecord(lost=RedriveResult(verdict=RedriveVerdict.UNREADABLE, source=source), receipt=receipt)
    return OnFailureRecord(records=records, receipt=receipt)


def _by_pointer(batch: Any, stream: RecordReader, source: str, receipt: str | None) -> OnFailureRecord:
    shard, size = batch["shardId"], int(batch["batchSize"])
    first, last = batch["startSequenceNumber"], batch["endSequenceNumber"]
    if not (first.isdecimal() and last.isdecimal()):
        raise ValueError(f"{first}..{last} are no sequence numbers")
    records = tuple(stream.between(shard, first, last, source=source))
    # A stream loses its oldest records first, so a batch whose first record is there is whole. (With a parallelization
    # factor the shard has records of other batches in between; a consumer processes them once all the same.)
    if records and records[0].sequence == first:
        return OnFailureRecord(records=records, receipt=receipt)
    lost = RedriveResult(
        verdict=RedriveVerdict.EXPIRED,
        source=source,
        shard=shard,
        sequence=f"{first}..{last}",
        note=f"{max(size - len(records), 1)} of {size} records are no longer in the stream",
    )
    return OnFailureRecord(records=records, lost=lost, receipt=receipt)
