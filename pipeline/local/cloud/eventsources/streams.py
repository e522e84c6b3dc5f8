"""Reads streams for event source mappings: what `batches` and `shards` decide, done in the emulator."""

import asyncio
import bisect
import functools
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.eventsources import documents, functions, patches
from pipeline.local.cloud.eventsources.batches import (
    FOREVER,
    THROTTLED_SECONDS,
    Batch,
    Discarded,
    Reading,
    Returned,
    Settings,
    Step,
    StreamRecord,
    after,
    too_old,
)
from pipeline.local.cloud.eventsources.destinations import Destinations, UndeliveredError
from pipeline.local.cloud.eventsources.mapping import AT_TIMESTAMP, HORIZON, is_stream, stream_arn, stream_settings
from pipeline.local.cloud.eventsources.metrics import Metrics
from pipeline.local.cloud.eventsources.permissions import REFUSED_SECONDS, Readers
from pipeline.local.cloud.eventsources.shards import Lane, Shard, restored
from pipeline.local.cloud.eventsources.wake import Sleeper

logger = logging.getLogger("penstock.eventsources")

STORE = "event-source-streams"
READ_AHEAD = 10_000
"""Records of a shard that wait in memory at most, as GetRecords returns no more at once."""
UNDELIVERED_SECONDS = 1.0


@dataclass(kw_only=True)
class _Reader:
    """One mapping as it goes through its stream."""

    account: str
    region: str
    mapping: Json
    shards: dict[str, Shard] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    """The last record of each shard that is in memory."""


class Streams:
    """All mappings of streams. Everything but the calls of functions happens on the event loop."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.reading = Reading()
        self.metrics = Metrics(emulator)
        self.destinations = Destinations(emulator)
        self.permissions = emulator.part(Readers)
        self.readers: dict[str, _Reader] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.sleeper = Sleeper(self.visit)

    def start_at(self, mapping: Json) -> None:
        """Fix where a new mapping begins to read, so that nothing put from now on is missed."""
        stream = patches.stream(stream_arn(mapping["EventSourceArn"]))
        shards = stream["shards"] if stream else {}
        self.emulator.store(STORE)[mapping["UUID"]] = {
            name: {"lanes": [{"begun": _begin(mapping, shard["records"]), "batches": []}]}
            for name, shard in shards.items()
        }

    def visit(self, now: float) -> float:
        """Hand out every batch that is due; returns when the next one is."""
        next_at, seen = FOREVER, set()
        for account, region, mapping in patches.mappings_everywhere():
            if is_stream(mapping.get("EventSourceArn", "")):
                seen.add(mapping["UUID"])
                with self.emulator.within(account, region):
                    reader = self.readers.setdefault(
                        mapping["UUID"], _Reader(account=account, region=region, mapping=mapping)
                    )
                    next_at = min(next_at, self._visit(reader, now))
        for gone in self.readers.keys() - seen:
            del self.readers[gone]
        for account, region, gone, _ in self.emulator.entries(STORE):
            if gone not in seen:
                with self.emulator.within(account, region):
                    self.emulator.store(STORE).pop(gone, None)
        return next_at

    def _visit(self, reader: _Reader, now: float) -> float:
        mapping = reader.mapping
        stream = patches.stream(stream_arn(mapping["EventSourceArn"]))
        if not mapping.get("Enabled", True) or stream is None:
            return FOREVER
        refused = self.permissions.refusal(mapping)
        if refused:
            mapping["LastProcessingResult"] = f"PROBLEM: {refused}"
            return now + REFUSED_SECONDS
        next_at = FOREVER
        settings = stream_settings(mapping, retention_hours=stream["RetentionPeriodHours"], reading=self.reading)
        for name, content in stream["shards"].items():
            shard = self._shard(reader, name, content["records"], settings, now)
            shard.settings = settings
            if len(shard.lanes) != settings.parallelization and shard.is_idle:
                begun = max((lane.begun for lane in shard.lanes), key=lambda number: int(number or 0))
                shard = reader.shards[name] = Shard(settings, begun=begun)
            if len(shard.lanes) == settings.parallelization and shard.waiting < READ_AHEAD:
                new = content["records"][_place(content["records"], reader.read[name]) :][:READ_AHEAD]
                if new:
                    reader.read[name] = new[-1]["SequenceNumber"]
                    shard.feed(self._wanted(mapping, new), now)
            for lane, batch in shard.due(now):
                task = asyncio.get_running_loop().create_task(self._work(reader, name, shard, lane, batch))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            next_at = min(next_at, shard.ready_at())
        self._save(reader)
        return next_at

    async def _work(self, reader: _Reader, name: str, shard: Shard, lane: Lane, batch: Batch) -> None:
        with self.emulator.within(reader.account, reader.region):
            try:
                step = await self._outcome(reader, name, shard, batch)
                if step.discarded is not None:
                    await self._tell(reader, name, step.discarded)
            except Exception:
                logger.exception("%s: a batch of %s could not be handled", reader.mapping["FunctionArn"], name)
                step = Step((Batch(batch.records, batch.retries_used, time.time() + THROTTLED_SECONDS),))
            if reader.shards.get(name) is shard:
                shard.settle(lane, step, time.time())
                self._save(reader)
        self.sleeper.wake()

    async def _outcome(self, reader: _Reader, name: str, shard: Shard, batch: Batch) -> Step:
        now = time.time()
        aged = too_old(batch, shard.settings, now)
        if aged is not None:
            return aged
        mapping = reader.mapping
        event = {"Records": self._events(mapping, name, batch.records)}
        self.metrics.invoked(mapping, batch.records, now)
        answer = await self.emulator.run_in_thread(functions.call, mapping, event, name="penstock-stream")
        step = after(batch, answer, shard.settings, time.time())
        fine = isinstance(answer, Returned) and not step.again and step.discarded is None
        mapping["LastProcessingResult"] = "OK" if fine else "PROBLEM: Function call failed"
        if not fine:
            self.metrics.count(mapping, "FailedInvokeEventCount", len(batch.records))
        return step

    async def _tell(self, reader: _Reader, name: str, discarded: Discarded) -> None:
        """Tell the destination; until it has been told, the records are not behind us.

        (AWS counts what it could not deliver as DestinationDeliveryFailures and says no more of it.)
        """
        mapping = reader.mapping
        logger.warning(
            "%s: %s, %d record(s) of %s from %s on are discarded",
            mapping["FunctionArn"],
            discarded.condition,
            len(discarded.records),
            name,
            discarded.records[0].sequence_number,
        )
        while self.readers.get(mapping["UUID"]) is reader:
            arn = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
            if not arn:
                self.metrics.count(mapping, "DroppedEventCount", len(discarded.records))
                return
            now, stream = time.time(), stream_arn(mapping["EventSourceArn"])
            document = documents.invocation_record(
                discarded, function=mapping["FunctionArn"], shard=name, stream=stream, now=now
            )
            whole = documents.with_records(document, self._events(mapping, name, discarded.records))
            key = documents.object_key(mapping["UUID"], name, now)
            try:
                send = functools.partial(
                    self.destinations.send,
                    function=functions.configuration(mapping) or {},
                    region=reader.region,
                    document=document,
                    whole=whole,
                    key=key,
                )
                await self.emulator.run_in_thread(send, arn, name="penstock-destination")
            except UndeliveredError as error:
                logger.error("The on-failure destination of %s did not answer: %s", mapping["FunctionArn"], error)
                await asyncio.sleep(UNDELIVERED_SECONDS)
            else:
                self.metrics.count(mapping, "OnFailureDestinationDeliveredEventCount", len(discarded.records))
                return

    def _shard(self, reader: _Reader, name: str, content: Sequence[Json], settings: Settings, now: float) -> Shard:
        shard = reader.shards.get(name)
        if shard is None:
            # What a mapping did not see when it was made is new: the child of a shard, to be read from its beginning.
            saved = self.emulator.store(STORE).get(reader.mapping["UUID"], {}).get(name)
            if saved is None:
                shard, reader.read[name] = Shard(settings), ""
            else:
                shard = restored(saved, self._wanted(reader.mapping, content), settings, now)
                reader.read[name] = content[-1]["SequenceNumber"] if content else ""
            reader.shards[name] = shard
        return shard

    def _wanted(self, mapping: Json, content: Sequence[Json]) -> list[StreamRecord]:
        """Return the records that the mapping's filters let through."""
        records = [_record(raw) for raw in content]
        if not (mapping.get("FilterCriteria") or {}).get("Filters"):
            return records
        events = self._events(mapping, "", records)
        kept = patches.wanted(events, mapping)
        numbers = set(map(documents.sequence_number, kept))
        return [record for record in records if record.sequence_number in numbers]

    def _events(self, mapping: Json, shard: str, records: Sequence[StreamRecord]) -> list[Json]:
        configuration = functions.configuration(mapping) or {}
        about = {
            "shard": shard,
            "stream": mapping["EventSourceArn"],
            "region": self.emulator.here()[1],
            "role": str(configuration.get("Role", "")),
        }
        return [documents.stream_event(record, **about) for record in records]

    def _save(self, reader: _Reader) -> None:
        saved = {name: shard.saved() for name, shard in reader.shards.items()}
        self.emulator.store(STORE)[reader.mapping["UUID"]] = saved


def _record(raw: Json) -> StreamRecord:
    data = raw["Data"]
    return StreamRecord(
        raw["SequenceNumber"], raw["PartitionKey"], float(raw["ApproximateArrivalTimestamp"]), len(str(data)), data
    )


def _place(records: Sequence[Json], number: str) -> int:
    """Return where in a shard the records after this one begin; the emulator's numbers are all of one length."""
    return bisect.bisect_right(records, number, key=lambda record: record["SequenceNumber"])


def _begin(mapping: Mapping[str, Any], records: Sequence[Json]) -> str:
    """Return the last record that a new mapping leaves out."""
    position = mapping["StartingPosition"]
    if position == HORIZON:
        return ""
    left_out = [record for record in records if position != AT_TIMESTAMP or _before(record, mapping)]
    return str(left_out[-1]["SequenceNumber"]) if left_out else ""


def _before(record: Json, mapping: Mapping[str, Any]) -> bool:
    return float(record["ApproximateArrivalTimestamp"]) < float(mapping["StartingPositionTimestamp"])
