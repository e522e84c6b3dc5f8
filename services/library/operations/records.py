"""Stream records as an operator finds them, and as Lambda would pass them to the consumer."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Raw = Mapping[str, Any]
"""One element of an event's `Records`."""
MENDED = "penstockMended"
Place = tuple[str, int]
"""What a record is known by, its shard and sequence number: sorted, as the records were written."""


class Verdict(StrEnum):
    """What became of a record, or would."""

    WOULD_SEND = "WOULD_SEND"
    """The consumer would get it; --apply does it."""
    SENT = "SENT"
    """The consumer has processed it."""
    ALREADY = "ALREADY"
    """An earlier re-drive sent it."""
    QUARANTINED = "QUARANTINED"
    """The consumer cannot process its payload: it waits in quarantine to be mended."""
    FAILED = "FAILED"
    """The consumer failed for now; the next re-drive tries it again."""
    HELD = "HELD"
    """Not sent because an earlier record of its partition key failed."""
    EXPIRED = "EXPIRED"
    """The stream no longer has it, and nothing else does."""
    UNREADABLE = "UNREADABLE"
    """What was found is not in a form that Lambda, the consumer or an operator makes."""


DONE = frozenset({Verdict.SENT, Verdict.ALREADY})


@dataclass(frozen=True, kw_only=True)
class Line:
    """The verdict on one record. Nothing of its payload or its partition key, which may name a patient."""

    verdict: Verdict
    source: str
    """Where it was found."""
    shard: str = ""
    sequence: str = ""
    """Of the record; `first..last` for records that nobody can tell apart any more."""
    note: str = ""

    def to_json(self) -> dict[str, str]:
        """For machines."""
        return {
            "verdict": self.verdict.value,
            "source": self.source,
            "shard": self.shard,
            "sequence": self.sequence,
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class Found:
    """One record, and where it was found."""

    raw: Raw
    source: str

    @property
    def shard(self) -> str:
        """The shard that it came by."""
        return str(self.raw["eventID"]).partition(":")[0]

    @property
    def sequence(self) -> str:
        """Its sequence number there."""
        return str(self.raw["kinesis"]["sequenceNumber"])

    @property
    def place(self) -> Place:
        """What it is known by."""
        return self.shard, int(self.sequence)

    @property
    def partition_key(self) -> str:
        """What order counts within. Not to be shown."""
        return str(self.raw["kinesis"]["partitionKey"])

    @property
    def data(self) -> bytes:
        """The payload."""
        return base64.b64decode(self.raw["kinesis"]["data"], validate=True)

    @property
    def is_mended(self) -> bool:
        """Whether an operator wrote the payload."""
        return MENDED in self.raw

    @property
    def quarantine_key(self) -> str:
        """The object that the consumer would make of it in quarantine (services/library/runtime/quarantine.py)."""
        return f"quarantined/{self.shard}/{self.sequence}-{hashlib.sha256(self.data).hexdigest()[:16]}.json"

    def with_data(self, data: bytes, source: str) -> "Found":
        """The same record with another payload, and a mark that the consumer keeps if it is quarantined again."""
        kinesis = {**self.raw["kinesis"], "data": base64.b64encode(data).decode()}
        return Found(raw={**self.raw, "kinesis": kinesis, MENDED: True}, source=source)

    def line(self, verdict: Verdict, note: str = "") -> Line:
        """A verdict on it."""
        return Line(verdict=verdict, source=self.source, shard=self.shard, sequence=self.sequence, note=note)


def found(raw: object, source: str) -> Found:
    """A record that everything above can be read of. Raises ValueError, TypeError or KeyError."""
    if not isinstance(raw, Mapping):
        raise TypeError("a record must be an object")
    record = Found(raw=raw, source=source)
    if not record.shard:
        raise ValueError("a record must name its shard")
    _ = (record.place, record.partition_key, record.data)
    return record
