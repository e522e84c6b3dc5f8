"""What Lambda does with a batch from a stream once the function has answered. Pure: no emulator, thread or clock.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

FOREVER = float("inf")
RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"
THROTTLED_SECONDS = 0.25
"""How long to wait when the function could not be called at all; Lambda waits longer, and says nowhere how long."""


class StreamRecord(NamedTuple):
    """One record of a shard, in the order of the shard."""

    sequence_number: str
    partition_key: str
    arrived: float
    """Seconds, on the clock that `now` is read from."""
    size: int = 0
    """Bytes of its data in an event."""
    data: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How to read what the documentation leaves open. It does say that a split consumes no retry."""

    parts_start_anew: bool = True
    """Whether what a split or a checkpoint leaves has all its retries again; otherwise it has used as many as the
    batch it is a part of, one more after a checkpoint without bisecting, which is a retry like any other."""
    halves_at_the_first_record: bool = False
    """With bisecting, and the first record reported as failed: whether the batch is halved as after an error;
    otherwise it is bisected at the returned sequence number as documented, which leaves it whole and is a retry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What an event source mapping of a stream says, in its own units; `FOREVER` where AWS has -1."""

    batch_size: int = 100
    window_seconds: float = 0.0
    bisects: bool = False
    retries: float = FOREVER
    record_age_seconds: float = FOREVER
    retention_seconds: float = FOREVER
    """The stream's: records retried for ever are retried until they expire there."""
    reports_failures: bool = False
    parallelization: int = 1
    reading: Reading = Reading()
    first_retry_seconds: float = 0.05
    longest_retry_seconds: float = 1.0
    """The pauses between retries double up to this. Lambda's grow to minutes, which nobody waits for on one machine."""


class Batch(NamedTuple):
    """Records that the function gets together."""

    records: Sequence[StreamRecord]
    retries_used: int = 0
    not_before: float = 0.0


class Returned(NamedTuple):
    """The function ended by itself; `value` is its answer, read from JSON."""

    value: Any = None


class Failed(NamedTuple):
    """The function raised, ran out of time or died."""

    function_error: str = "Unhandled"


class NotInvoked(NamedTuple):
    """The function could not be called: throttled, or not there. That uses up no retry."""

    reason: str = ""


InvocationResult = Returned | Failed | NotInvoked


class Discarded(NamedTuple):
    """Records that are given up, and why: an on-failure destination is told of them."""

    records: Sequence[StreamRecord]
    condition: str
    invocations: int
    answer: InvocationResult | None
    """The last one; None for records that grew too old before any."""


class Step(NamedTuple):
    """What follows from an answer. Whatever is in neither list was processed."""

    again: tuple[Batch, ...] = ()
    """What to invoke the function with next, in this order; only then may the lane go on to later records."""
    discarded: Discarded | None = None


PROCESSED = Step()


def after(batch: Batch, answer: InvocationResult, settings: Settings, now: float) -> Step:
    """Decide what becomes of a batch that the function was just given."""
    if isinstance(answer, NotInvoked):
        return Step((Batch(batch.records, batch.retries_used, now + THROTTLED_SECONDS),))
    records, used, reading = batch.records, batch.retries_used, settings.reading
    halves = settings.bisects and len(records) > 1
    if isinstance(answer, Returned):
        if not settings.reports_failures:
            return PROCESSED
        first = first_failed(answer.value, records)
        if first is None:
            return PROCESSED
        if first > 0:
            used = 0 if reading.parts_start_anew else used if settings.bisects else used + 1
            return _again(records[first:], used, answer, settings, now)
        halves = halves and (first < 0 or reading.halves_at_the_first_record)
    if halves:
        used = 0 if reading.parts_start_anew else used
        middle = len(records) // 2
        return Step((Batch(records[:middle], used), Batch(records[middle:], used)))
    return _again(records, used + 1, answer, settings, now)


def _again(
    records: Sequence[StreamRecord], used: int, answer: InvocationResult, settings: Settings, now: float
) -> Step:
    if used > settings.retries:
        return Step(discarded=Discarded(records, RETRIES_EXHAUSTED, used, answer))
    pause = min(settings.first_retry_seconds * 2.0 ** min(used, 30), settings.longest_retry_seconds)
    return Step((Batch(records, used, now + pause),))


def too_old(batch: Batch, settings: Settings, now: float, last: InvocationResult | None = None) -> Step | None:
    """Take out records that are older than the mapping or the stream allows; None when there are none.

    To be asked each time before the function is invoked: "discard records older than the specified age".
    """
    oldest = now - min(settings.record_age_seconds, settings.retention_seconds)
    records = batch.records
    if records[0].arrived >= oldest:
        return None
    count = next((index for index, record in enumerate(records) if record.arrived >= oldest), len(records))
    rest = () if count == len(records) else (Batch(records[count:], batch.retries_used, batch.not_before),)
    return Step(rest, Discarded(records[:count], TOO_OLD, batch.retries_used, last))


def first_failed(value: Any, records: Sequence[StreamRecord]) -> int | None:
    """Find the first failed record of a batch by the function's answer: None for success, -1 for a total failure.

    "If the batchItemFailures array contains multiple items, Lambda uses the record with the lowest sequence number as
    the checkpoint." An empty or null answer, or list, is a success; so is an object without the list, as unknown keys
    are not looked at. An empty or null identifier, one under a wrong key, and what is no object at all fail the whole
    batch, as does the number of a record that the batch does not contain.
    """
    if value is None or value in ("", {}):
        return None
    if not isinstance(value, Mapping):
        return -1
    if "batchItemFailures" not in value:
        return None
    items = value["batchItemFailures"]
    if items is None or items == []:
        return None
    if not isinstance(items, list):
        return -1
    failed = {_identifier(item) for item in items}
    places = [index for index, record in enumerate(records) if record.sequence_number in failed]
    return places[0] if len(places) == len(failed) else -1


def _identifier(item: Any) -> str | None:
    identifier = item.get("itemIdentifier") if isinstance(item, Mapping) else None
    return identifier if isinstance(identifier, str) else None
