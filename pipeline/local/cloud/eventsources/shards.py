"""One shard as a mapping reads it: what is waiting, what is being retried, what comes next. Pure, as `batches` is.

    shard = Shard(settings)
    shard.feed(records, now)
    for lane, batch in shard.due(now):              # hand each to the function; or, when too old, settle without
        step = after(batch, answer, settings, now)
        ...                                         # write `step.discarded` to the destination first
        shard.settle(lane, step, now)

Whoever stops between `due` and `settle` has lost nothing: the batch stays where it was until it is settled.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.eventsources.batches import FOREVER, Batch, Settings, Step, StreamRecord

PAYLOAD_BYTES = 6 * 1024 * 1024
"""Of an invocation's event: a batch ends before it, whatever its size."""
EVENT_BYTES = 600
"""About what an event says of a record besides its data."""


@dataclass(kw_only=True, slots=True)
class Lane:
    """Batches of one shard that are invoked one after the other: all of it, or those of some partition keys."""

    begun: str = ""
    """The last record that was put in a batch. What comes later has not been given to the function yet."""
    batches: list[Batch] = field(default_factory=list)
    """What has been invoked and must be again; the last of the list is next."""
    waiting: deque[StreamRecord] = field(default_factory=deque)
    waiting_bytes: int = 0
    since: float = 0.0
    """When the batching window began."""
    busy: bool = False

    def add(self, record: StreamRecord, now: float) -> None:
        """Let a record wait for its batch."""
        if not self.waiting:
            self.since = max(self.since, now)
        self.waiting.append(record)
        self.waiting_bytes += record.size + EVENT_BYTES

    def ready_at(self, settings: Settings) -> float:
        """Return when the next batch may be handed out; `FOREVER` while there is nothing to do."""
        if self.busy:
            return FOREVER
        if self.batches:
            return self.batches[-1].not_before
        if not self.waiting:
            return FOREVER
        if len(self.waiting) >= settings.batch_size or self.waiting_bytes >= PAYLOAD_BYTES:
            return 0.0
        return self.since + settings.window_seconds

    def take(self, settings: Settings) -> Batch:
        """Return the next batch, which stays first until it is settled."""
        if not self.batches:
            self.batches.append(self._form(settings.batch_size))
        self.busy = True
        return self.batches[-1]

    def _form(self, size: int) -> Batch:
        records: list[StreamRecord] = []
        room = PAYLOAD_BYTES
        while self.waiting and len(records) < size:
            needed = self.waiting[0].size + EVENT_BYTES
            if records and needed > room:
                break
            room -= needed
            records.append(self.waiting.popleft())
        self.waiting_bytes -= PAYLOAD_BYTES - room
        self.begun = records[-1].sequence_number
        return Batch(records)


class Shard:
    """Hands out batches so that records of one partition key are never overtaken: one batch at a time and lane.

    With a parallelization factor of 1, which is the default, a shard is one lane and all its records stay in order.
    """

    def __init__(self, settings: Settings, *, begun: str = "") -> None:
        self.settings = settings
        self.lanes = [Lane(begun=begun) for _ in range(settings.parallelization)]

    @property
    def is_idle(self) -> bool:
        """Whether nothing was read that is not settled; only then may the number of lanes change."""
        return not any(lane.batches or lane.waiting for lane in self.lanes)

    @property
    def waiting(self) -> int:
        """How many records have been read and not yet been given to the function."""
        return sum(len(lane.waiting) for lane in self.lanes)

    def feed(self, records: Iterable[StreamRecord], now: float) -> None:
        """Take in what was read from the shard, in its order."""
        lanes = self.lanes
        if len(lanes) == 1:
            for record in records:
                lanes[0].add(record, now)
            return
        for record in records:
            lanes[lane_of(record.partition_key, len(lanes))].add(record, now)

    def due(self, now: float) -> Iterator[tuple[Lane, Batch]]:
        """Take every batch that may be invoked now. Each is to be settled."""
        for lane in self.lanes:
            if lane.ready_at(self.settings) <= now:
                yield lane, lane.take(self.settings)

    def ready_at(self) -> float:
        """Return when `due` next has something; `FOREVER` if only an answer or new records can change that."""
        return min(lane.ready_at(self.settings) for lane in self.lanes)

    def settle(self, lane: Lane, step: Step, now: float) -> None:
        """Put in effect what was decided of the batch that this lane handed out."""
        lane.batches.pop()
        lane.batches.extend(reversed(step.again))
        lane.busy = False
        lane.since = now

    def checkpoint(self) -> str | None:
        """Return the first record that is read but not settled: reading on from there misses nothing."""
        open_records = [
            lane.batches[-1].records[0] if lane.batches else lane.waiting[0]
            for lane in self.lanes
            if lane.batches or lane.waiting
        ]
        return min((record.sequence_number for record in open_records), key=int, default=None)

    def saved(self) -> dict[str, Any]:
        """Return what must be kept to go on after a kill, as JSON; `restored` needs the stream's records besides."""
        return {
            "lanes": [
                {
                    "begun": lane.begun,
                    "batches": [
                        [batch.records[0].sequence_number, batch.records[-1].sequence_number, batch.retries_used]
                        for batch in lane.batches
                    ],
                }
                for lane in self.lanes
            ]
        }


def restored(saved: Mapping[str, Any], records: Iterable[StreamRecord], settings: Settings, now: float) -> Shard:
    """Restore a shard as it was saved. `records` are those of the stream; what a kill interrupted is invoked again."""
    shard = Shard(settings)
    lanes = [Lane(begun=lane["begun"]) for lane in saved["lanes"]]
    shard.lanes = lanes
    own: list[list[StreamRecord]] = [[] for _ in lanes]
    for record in records:
        number = lane_of(record.partition_key, len(lanes))
        if int(record.sequence_number) > int(lanes[number].begun or 0):
            lanes[number].add(record, now)
        else:
            own[number].append(record)
    for lane, told, past in zip(lanes, saved["lanes"], own, strict=True):
        for first, last, used in told["batches"]:
            found = [record for record in past if int(first) <= int(record.sequence_number) <= int(last)]
            if found:  # otherwise they expired in the stream
                lane.batches.append(Batch(found, used))
    return shard


def lane_of(partition_key: str, lanes: int) -> int:
    """Records of one partition key are always in the same lane."""
    return 0 if lanes == 1 else int.from_bytes(hashlib.md5(partition_key.encode()).digest()[:4], "big") % lanes  # noqa: S324 - spreads keys, as Kinesis does
