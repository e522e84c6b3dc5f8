"""Works through a batch of stream records so that no record is lost, overtaken by its key, or able to stop the others.

Failures have two levels. A *permanent* one (an exception that is a `PermanentFailure`: the payload can never be
processed) goes to quarantine with its payload and counts as handled. Any other is *transient* and goes back to the
event source, which tries again and in the end hands the record to the on-failure destination.

What is answered follows from Lambda's documentation of partial batch responses and of bisecting:

- "Lambda uses the record with the lowest sequence number as the checkpoint": one failure is named, the first.
- "If you have turned on both ..., the batch is bisected at the returned sequence number": a failure behind the first
  record leaves what went before it behind for good.
- To name the first record of several splits nothing off, and what is behind it would be given up together with it. An
  error makes Lambda halve the batch, so a record that fails for ever ends alone, and takes no other along.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html

An aggregate of the Kinesis Producer Library is one record to Lambda and several here: each is handled by itself, and
one that can never be processed goes to quarantine alone. No halving can separate them, so after a transient failure
those of other keys are processed all the same, whatever `skips_by_key` says.

A consumer also counts what waits in its quarantine, when it is called with COUNT_QUARANTINE instead of records.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from . import compression, kpl
from .resilience import Context

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

FIELDS = (
    *("shard", "sequence", "reason", "digest", "recorded_digest"),
    *("records", "handled", "waiting", "oldest_seconds"),
)
"""The extra fields of the log lines written here; a service allows them in its logger."""
COUNT_QUARANTINE = "countQuarantine"
"""The member of an event that asks for a count, and has no records."""
SUB_SEQUENCE = "penstockSubSequence"
"""A member of ours beside Lambda's own: which record of an aggregate this is."""
SUB_DIGITS = 7


class PermanentFailure(Exception):  # noqa: N818 - the base of a service's own exceptions, which say what is wrong
    """This payload can never be processed. The type is logged and kept; the text, which may quote it, is not."""

    details: Mapping[str, str] = MappingProxyType({})
    """What else is logged and kept; quotes nothing."""


class DamagedKplAggregate(PermanentFailure):
    """The data begins like an aggregate of the Kinesis Producer Library, and is none."""


class DamagedGzip(PermanentFailure):
    """The data begins like gzip, and cannot be decompressed."""


class PayloadTooLarge(PermanentFailure):
    """Decompressed, the payload is larger than a function can hold."""


class BatchFailed(Exception):  # noqa: N818 - Lambda reports it by this name
    """The first record failed and others are behind it: an error, so that Lambda halves the batch."""


class ItemFailure(TypedDict):
    """The record from which on the batch is to be tried again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda reads: empty if everything is handled, else the first record that is not."""

    batchItemFailures: list[ItemFailure]


@dataclass(frozen=True, kw_only=True)
class StreamRecord:
    """One stream record, or one of several in it."""

    shard: str
    sequence: str
    """Its place in the shard: decimal digits, more than a number of DynamoDB or JSON holds; and behind a point, digits
    of a fixed number, its place in the aggregate that it came in."""
    key: str
    """The partition key, within which order matters."""
    data: bytes
    raw: Mapping[str, Any]
    """As Lambda passed it."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "StreamRecord":
        """Read one element of the event's `Records`, of a stream or of a table's."""
        if "dynamodb" in raw:
            return cls._of_a_table(raw)
        kinesis = raw["kinesis"]
        sub_sequence = raw.get(SUB_SEQUENCE)
        return cls(
            shard=raw["eventID"].partition(":")[0],
            sequence=kinesis["sequenceNumber"] + ("" if sub_sequence is None else f".{sub_sequence:0{SUB_DIGITS}d}"),
            key=kinesis["partitionKey"],
            data=base64.b64decode(kinesis["data"], validate=True),
            raw=raw,
        )

    @classmethod
    def _of_a_table(cls, raw: Mapping[str, Any]) -> "StreamRecord":
        """Read a change of an item. Its data are JSON: what happened, the keys, and the images as DynamoDB has them.

        https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
        """
        change = raw["dynamodb"]
        told = {"event": raw["eventName"], "keys": change["Keys"]}
        told |= {name: change[image] for name, image in (("new", "NewImage"), ("old", "OldImage")) if image in change}
        return cls(
            shard=raw["eventSourceARN"].rpartition("/")[2],
            sequence=change["SequenceNumber"],
            key=json.dumps(change["Keys"], sort_keys=True),
            data=json.dumps(told).encode(),
            raw=raw,
        )

    @property
    def identifier(self) -> str:
        """Return the sequence number by which Lambda knows the record, or the aggregate that it came in."""
        return self.sequence.partition(".")[0]

    def split(self) -> Iterator["StreamRecord"]:
        """Yield the records of an aggregate, each as Lambda would have passed it. Raises kpl.DamagedError."""
        for index, each in enumerate(kpl.split(self.data)):
            data = base64.b64encode(each.data).decode()
            kinesis = {**self.raw["kinesis"], "partitionKey": each.key, "data": data}
            yield StreamRecord.of({**self.raw, "kinesis": kinesis, SUB_SEQUENCE: index})


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What waits in quarantine until somebody mends it."""

    records: int
    oldest_seconds: int
    """How long the first of them has waited; 0 if there is none."""


class Quarantine(Protocol):
    """Where records go that can never be processed."""

    def keep(self, record: StreamRecord, reason: str, details: Mapping[str, str]) -> None:
        """Store the record with its payload; as often as asked, with the same result."""

    def waiting(self) -> Waiting:
        """Count the records that nobody has mended."""


@dataclass(frozen=True, kw_only=True)
class StreamProcessor:
    """Hands each record of a batch to `process`, and answers what is to be tried again."""

    process: Callable[[StreamRecord], None]
    """Must have the same effect however often it is called for one record. Raises a PermanentFailure, or any other
    exception to be called again later."""
    quarantine: Quarantine
    logger: "Logger"
    skips_by_key: bool = False
    """After a failure, go on with the records of other keys. They are then processed again with the batch, which costs
    calls and gains time for them. Otherwise the batch ends at its first failure."""
    deaggregates_kpl: bool = False
    """Whether an aggregate of the Kinesis Producer Library is taken for the records in it."""
    decompresses_gzip: bool = False
    """Whether a payload that is gzip is decompressed first; one that is not is taken as it is."""
    reserve_milliseconds: int = 3_000
    """A record is begun only with this much time left: longer than the slowest record takes."""

    def run(self, event: Mapping[str, Any], context: Context) -> BatchResponse:
        """Process one event's records. Raises BatchFailed if the first record of several is to be tried again."""
        if COUNT_QUARANTINE in event:
            self._count_quarantine()
            return _answer(None)
        records = [StreamRecord.of(raw) for raw in event["Records"]]
        first = self._first_unhandled(records, context)
        if first == 0 and len(records) > 1:
            raise BatchFailed
        return _answer(None if first is None else records[first])

    def _first_unhandled(self, records: list[StreamRecord], context: Context) -> int | None:
        """Process records, and return the index of the first that is to be tried again."""
        failed: dict[str, int] = {}
        """Key -> the index of its first record that is not handled."""
        for index, record in enumerate(records):
            for part in self._parts(record):
                if context.get_remaining_time_in_millis() < self.reserve_milliseconds:
                    self.logger.warning("no time left", extra={"records": len(records), "handled": index})
                    failed.setdefault(part.key, index)
                    return min(failed.values())
                if part.key not in failed and not self._handles(part):
                    failed[part.key] = index
            if failed and not self.skips_by_key:
                break
        return min(failed.values(), default=None)

    def _parts(self, record: StreamRecord) -> tuple[StreamRecord, ...]:
        """Return the records in an aggregate; a damaged one is whole, and fails when it is decoded."""
        if self.deaggregates_kpl and kpl.is_aggregate(record.data) and SUB_SEQUENCE not in record.raw:
            try:
                return tuple(record.split())
            except kpl.DamagedError:
                pass
        return (record,)

    def _handles(self, record: StreamRecord) -> bool:
        """Process a record, and return whether it needs no further attempt."""
        where = {"shard": record.shard, "sequence": record.sequence}
        try:
            try:
                self.process(self._decoded(record))
            except PermanentFailure as failure:
                reason = type(failure).__name__
                self.quarantine.keep(record, reason, failure.details)
                extra = {**where, "reason": reason, **failure.details}
                self.logger.warning("record quarantined", extra=extra, exc_info=True)
        except Exception:  # whatever it is, the record is tried again
            self.logger.exception("record failed", extra=where)
            return False
        return True

    def _decoded(self, record: StreamRecord) -> StreamRecord:
        """Return the record with the payload that its producer had. Raises a PermanentFailure."""
        if self.deaggregates_kpl and kpl.is_aggregate(record.data):
            raise DamagedKplAggregate
        if not self.decompresses_gzip or not compression.is_gzip(record.data):
            return record
        try:
            return replace(record, data=compression.gunzip(record.data))
        except compression.DamagedError:
            raise DamagedGzip from None
        except compression.LimitError:
            raise PayloadTooLarge from None

    def _count_quarantine(self) -> None:
        """Log how much waits; the construct makes metrics of it, and alarms that stand until nothing does."""
        waiting = self.quarantine.waiting()
        self.logger.info(
            "quarantine counted", extra={"waiting": waiting.records, "oldest_seconds": waiting.oldest_seconds}
        )


def _answer(first_unhandled: StreamRecord | None) -> BatchResponse:
    """Return the batch response: made of a record of the batch, so that it cannot name anything else."""
    return {"batchItemFailures": [{"itemIdentifier": first_unhandled.identifier}] if first_unhandled else []}
