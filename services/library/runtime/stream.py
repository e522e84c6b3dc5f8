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
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from .resilience import Context

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

FIELDS = ("shard", "sequence", "reason", "records", "handled", "digest", "recorded_digest")
"""The extra fields of the log lines written here; a service allows them in its logger."""


class PermanentFailure(Exception):  # noqa: N818 - the base of a service's own exceptions, which say what is wrong
    """This payload can never be processed. The type is logged and kept; the text, which may quote it, is not."""

    details: Mapping[str, str] = MappingProxyType({})
    """What else is logged and kept; quotes nothing."""


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
    """One stream record."""

    shard: str
    sequence: str
    """Its place in the shard: decimal digits, more than a number of DynamoDB or JSON holds."""
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
        return cls(
            shard=raw["eventID"].partition(":")[0],
            sequence=kinesis["sequenceNumber"],
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


class Quarantine(Protocol):
    """Where records go that can never be processed."""

    def keep(self, record: StreamRecord, reason: str, details: Mapping[str, str]) -> None:
        """Store the record with its payload; as often as asked, with the same result."""


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
    reserve_milliseconds: int = 3_000
    """A record is begun only with this much time left: longer than the slowest record takes."""

    def run(self, event: Mapping[str, Any], context: Context) -> BatchResponse:
        """Process one event's records. Raises BatchFailed if the first record of several is to be tried again."""
        records = [StreamRecord.of(raw) for raw in event["Records"]]
        failed: dict[str, int] = {}
        """Key -> the index of its first record that is not handled."""
        for index, record in enumerate(records):
            if context.get_remaining_time_in_millis() < self.reserve_milliseconds:
                self.logger.warning("no time left", extra={"records": len(records), "handled": index})
                failed.setdefault(record.key, index)
                break
            if record.key not in failed and not self._handles(record):
                failed[record.key] = index
                if not self.skips_by_key:
                    break
        first = min(failed.values(), default=None)
        if first == 0 and len(records) > 1:
            raise BatchFailed
        return _answer(None if first is None else records[first])

    def _handles(self, record: StreamRecord) -> bool:
        """Process a record, and return whether it needs no further attempt."""
        where = {"shard": record.shard, "sequence": record.sequence}
        try:
            try:
                self.process(record)
            except PermanentFailure as failure:
                reason = type(failure).__name__
                self.quarantine.keep(record, reason, failure.details)
                self.logger.warning("record quarantined", extra={**where, "reason": reason, **failure.details})
        except Exception:  # whatever it is, the record is tried again
            self.logger.exception("record failed", extra=where)
            return False
        return True


def _answer(first_unhandled: StreamRecord | None) -> BatchResponse:
    """Return the batch response: made of a record of the batch, so that it cannot name anything else."""
    return {"batchItemFailures": [{"itemIdentifier": first_unhandled.sequence}] if first_unhandled else []}
