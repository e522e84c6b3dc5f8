"""Records of streams and tables to be sent again, in the form in which Lambda passes them to the consumer."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

Raw = Mapping[str, Any]
"""One element of an event's `Records`."""
MENDED = "penstockMended"
SUB_SEQUENCE = "penstockSubSequence"
"""Which record of an aggregate it is (services/library/runtime/stream.py)."""
SUB_DIGITS = 7
WHOLE = -1
IMAGES = {"new": "NewImage", "old": "OldImage"}
"""Member of a change's payload -> what Lambda calls it."""
CHANGES = ("INSERT", "MODIFY", "REMOVE")
StreamPosition = tuple[str, int, int]
"""The shard, the sequence number and the place in an aggregate, WHOLE if the record came in none; they identify a
record, and sort as the records were written."""


class RedriveVerdict(StrEnum):
    """What a re-drive did, or would do, with a record."""

    WOULD_SEND = "WOULD_SEND"
    """The consumer would get it; --apply does it."""
    SENT = "SENT"
    """The consumer has processed it."""
    ALREADY = "ALREADY"
    """Another re-drive sent it."""
    SENDING = "SENDING"
    """Another re-drive is sending it now, or was interrupted while it did."""
    QUARANTINED = "QUARANTINED"
    """The consumer cannot process its payload: it waits in quarantine to be mended."""
    FAILED = "FAILED"
    """The consumer failed for now; the next re-drive tries it again."""
    HELD = "HELD"
    """Not sent because an earlier record of its partition key failed, or is being sent."""
    EXPIRED = "EXPIRED"
    """The stream or queue no longer has it, and nothing else does."""
    UNREADABLE = "UNREADABLE"
    """What was found is not in a form that Lambda, the consumer or an operator makes."""


DONE = frozenset({RedriveVerdict.SENT, RedriveVerdict.ALREADY})


@dataclass(frozen=True, kw_only=True)
class RedriveResult:
    """The verdict on one record, without its payload and partition key, which may name a patient."""

    verdict: RedriveVerdict
    source: str
    """Where it was found."""
    shard: str = ""
    sequence: str = ""
    """Of the record; `first..last` for a range of records that have expired."""
    note: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the result for `--json`."""
        return {
            "verdict": self.verdict.value,
            "source": self.source,
            "shard": self.shard,
            "sequence": self.sequence,
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class RedriveRecord:
    """One record, and where it was found."""

    raw: Raw
    source: str

    @property
    def shard(self) -> str:
        """Return the shard that the record came by."""
        return str(self.raw["eventID"]).partition(":")[0]

    @property
    def sequence(self) -> str:
        """Return the sequence number in the shard; of a record in an aggregate its place there, too, behind a point."""
        number, sub_sequence = str(self.raw["kinesis"]["sequenceNumber"]), self.raw.get(SUB_SEQUENCE)
        return number if sub_sequence is None else f"{number}.{int(sub_sequence):0{SUB_DIGITS}d}"

    @property
    def position(self) -> StreamPosition:
        """Return what identifies the record."""
        return position_of(self.shard, self.sequence)

    @property
    def partition_key(self) -> str:
        """Return the partition key, within which order matters. Never show it."""
        return str(self.raw["kinesis"]["partitionKey"])

    @property
    def data(self) -> bytes:
        """Return the payload."""
        return base64.b64decode(self.raw["kinesis"]["data"], validate=True)

    @property
    def is_mended(self) -> bool:
        """Return whether an operator wrote the payload."""
        return MENDED in self.raw

    @property
    def quarantine_key(self) -> str:
        """Return the key of the object that the consumer would write (services/library/runtime/quarantine.py)."""
        return f"quarantined/{self.shard}/{self.sequence}-{hashlib.sha256(self.data).hexdigest()[:16]}.json"

    def with_data(self, data: bytes, source: str) -> "RedriveRecord":
        """Return the record with another payload, and a mark that the consumer preserves if it quarantines it again.

        Raises ValueError if such a record cannot have the payload.
        """
        kinesis = {**self.raw["kinesis"], "data": base64.b64encode(data).decode()}
        return RedriveRecord(raw={**self.raw, "kinesis": kinesis, MENDED: True}, source=source)

    def line(self, verdict: RedriveVerdict, note: str = "") -> RedriveResult:
        """Return a result for the record."""
        return RedriveResult(verdict=verdict, source=self.source, shard=self.shard, sequence=self.sequence, note=note)


@dataclass(frozen=True, kw_only=True)
class TableChange(RedriveRecord):
    """A change of a table's item; its payload is what `StreamRecord` makes of it (services/library/runtime/stream.py).

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """

    @property
    def shard(self) -> str:
        """Return the label of the table's stream: Lambda does not tell the shard."""
        return str(self.raw["eventSourceARN"]).rpartition("/")[2]

    @property
    def sequence(self) -> str:
        """Return the sequence number, which grows from change to change of an item."""
        return str(self.raw["dynamodb"]["SequenceNumber"])

    @property
    def partition_key(self) -> str:
        """Return the item's keys, within which order matters. Never show them."""
        return json.dumps(self.raw["dynamodb"]["Keys"], sort_keys=True)

    @property
    def data(self) -> bytes:
        """Return the payload: what happened to which item, and the item before and after it."""
        change = self.raw["dynamodb"]
        told = {"event": self.raw["eventName"], "keys": change["Keys"]}
        told |= {name: change[image] for name, image in IMAGES.items() if image in change}
        return json.dumps(told).encode()

    def with_data(self, data: bytes, source: str) -> RedriveRecord:
        """Return the change with other images. Raises ValueError if the payload is none of this item's."""
        try:
            told = json.loads(data)
        except (ValueError, RecursionError):
            raise ValueError("it is no JSON") from None
        keys, allowed = self.raw["dynamodb"]["Keys"], {"event", "keys", *IMAGES}
        if not isinstance(told, dict) or told.keys() - allowed or told.get("event") not in CHANGES:
            raise ValueError(f"its members are event, one of {', '.join(CHANGES)}, keys, new and old")
        if told.get("keys") != keys:
            raise ValueError("its keys are those of another item")
        change = {name: value for name, value in self.raw["dynamodb"].items() if name not in IMAGES.values()}
        change |= {image: told[name] for name, image in IMAGES.items() if name in told}
        return TableChange(
            raw={**self.raw, "eventName": told["event"], "dynamodb": change, MENDED: True}, source=source
        )


class RecordReader(Protocol):
    """Reads records again from where they came, in the form in which Lambda passes them."""

    def between(self, shard: str, first: str, last: str, *, source: str) -> Iterator[RedriveRecord]:
        """Yield the records of a shard from one sequence number to another that are still there."""

    def since(self, moment: datetime) -> Iterator[RedriveRecord]:
        """Yield every record that came from a moment on, up to now."""


def position_of(shard: str, sequence: str) -> StreamPosition:
    """Return the position that a sequence stands for. Raises ValueError."""
    number, _, sub_sequence = sequence.partition(".")
    return shard, int(number), int(sub_sequence) if sub_sequence else WHOLE


def parse_record(raw: object, source: str) -> RedriveRecord:
    """Return the record of one element of `Records`. Raises ValueError, TypeError or KeyError if a field is missing."""
    if not isinstance(raw, Mapping):
        raise TypeError("a record must be an object")
    record = TableChange(raw=raw, source=source) if "dynamodb" in raw else RedriveRecord(raw=raw, source=source)
    if not record.shard:
        raise ValueError("a record must name its shard")
    _ = (record.position, record.partition_key, record.data)
    return record
