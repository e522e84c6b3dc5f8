"""Finds the batches that Lambda gave up: whole copies in a bucket, or pointers into the stream in a queue.

"For Amazon S3 destinations, Lambda sends the entire invocation record along with the metadata"; to a queue only the
metadata. https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from services.library.operations.records import Found, Line, Verdict, found
from services.library.operations.stream import Stream

COPIES_PREFIX = "aws/lambda/"
"""Lambda's own, of every object that it writes to a destination."""
HIDDEN_SECONDS = 120
"""How long a message that was looked at stays hidden from others if this is interrupted."""
BROKEN = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """What one object or message led to."""

    records: tuple[Found, ...] = ()
    lost: Line | None = None
    """Says that it cannot be read, or that the stream no longer has all of it."""
    receipt: str | None = None
    """Of the message, if it is one."""


class Copies:
    """Batches in a bucket."""

    def __init__(self, s3: Any, *, bucket: str) -> None:
        self.s3 = s3
        self.bucket = bucket

    def read(self, stream: Stream) -> Iterator[GivenUp]:
        """Each object. One without its payload is a pointer."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=COPIES_PREFIX)
        for page in pages:
            for listed in page.get("Contents", []):
                body = self.s3.get_object(Bucket=self.bucket, Key=listed["Key"])["Body"].read()
                yield _read(body, stream, f"s3://{self.bucket}/{listed['Key']}", None)


class Pointers:
    """Messages that say where a batch is in the stream."""

    def __init__(self, sqs: Any, *, url: str) -> None:
        self.sqs = sqs
        self.url = url

    def read(self, stream: Stream) -> Iterator[GivenUp]:
        """Each message, once. They are hidden from others until they are given back or deleted."""
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
        """Nothing more is to be done about it."""
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)

    def give_back(self, receipt: str) -> None:
        """Let others see it again."""
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=0)


def _read(body: str | bytes, stream: Stream, source: str, receipt: str | None) -> GivenUp:
    try:
        content = json.loads(body)
        if "payload" not in content:
            return _by_pointer(content["KinesisBatchInfo"], stream, source, receipt)
        # Documented as the whole event in quotation marks; seen as an object as well.
        event = json.loads(content["payload"]) if isinstance(content["payload"], str) else content["payload"]
        records = tuple(found(raw, source) for raw in event["Records"])
    except BROKEN:
        return GivenUp(lost=Line(verdict=Verdict.UNREADABLE, source=source), receipt=receipt)
    return GivenUp(records=records, receipt=receipt)


def _by_pointer(batch: Any, stream: Stream, source: str, receipt: str | None) -> GivenUp:
    shard, size = batch["shardId"], int(batch["batchSize"])
    first, last = int(batch["startSequenceNumber"]), int(batch["endSequenceNumber"])
    records = tuple(stream.between(shard, first, last, source=source))
    # A stream loses its oldest records first, so a batch whose first record is there is whole. (With a parallelization
    # factor the shard has records of other batches in between; a consumer processes them once all the same.)
    if records and records[0].place == (shard, first):
        return GivenUp(records=records, receipt=receipt)
    lost = Line(
        verdict=Verdict.EXPIRED,
        source=source,
        shard=shard,
        sequence=f"{first}..{last}",
        note=f"{max(size - len(records), 1)} of {size} records are no longer in the stream",
    )
    return GivenUp(records=records, lost=lost, receipt=receipt)
