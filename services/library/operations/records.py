"""Stream records to be sent again, in the form in which Lambda passes them to the consumer."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Raw = Mapping[str, Any]
"""One element of an event's `Records`."""
MENDED = "penstockMended"
SUB_SEQUENCE = "penstockSubSequence"
"""Which record of an aggregate it is (services/library/runtime/stream.py)."""
SUB_DIGITS = 7
WHOLE = -1
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
        """Return the record with another payload, and a mark that the consumer preserves if it quarantines it again."""
        kinesis = {**self.raw["kinesis"], "data": base64.b64encode(data).decode()}
        return RedriveRecord(raw={**self.raw, "kinesis": kinesis, MENDED: True}, source=source)

    def line(self, verdict: RedriveVerdict, note: str = "") -> RedriveResult:
        """Return a result for the record."""
        return RedriveResult(verdict=verdict, source=self.source, shard=self.shard, sequence=self.sequence, note=note)


def position_of(shard: str, sequence: str) -> StreamPosition:
    """Return the position that a sequence stands for. Raises ValueError."""
    number, _, sub_sequence = sequence.partition(".")
    return shard, int(number), int(sub_sequence) if sub_sequence else WHOLE


def parse_record(raw: object, source: str) -> RedriveRecord:
    """Return the record of one element of `Records`. Raises ValueError, TypeError or KeyError if a field is missing."""
    if not isinstance(raw, Mapping):
        raise TypeError("a record must be an object")
    record = RedriveRecord(raw=raw, source=source)
    if not record.shard:
        raise ValueError("a record must name its shard")
    _ = (record.position, record.partition_key, record.data)
    return record
