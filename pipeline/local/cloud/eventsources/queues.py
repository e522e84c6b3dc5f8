"""Receives from SQS queues for event source mappings.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.eventsources import documents, functions, patches
from pipeline.local.cloud.eventsources.batches import FOREVER, Returned
from pipeline.local.cloud.eventsources.mapping import QUEUE_DEFAULTS, REPORTS, is_queue
from pipeline.local.cloud.eventsources.permissions import REFUSED_SECONDS, Readers
from pipeline.local.cloud.eventsources.shards import EVENT_BYTES, PAYLOAD_BYTES
from pipeline.local.cloud.eventsources.wake import Sleeper

logger = logging.getLogger("penstock.eventsources")

CONCURRENCY = 5
"""Batches at once when the mapping does not say. Lambda begins with so many, and goes up to 1,000; one machine not."""
RECEIVED_AT_ONCE = 10


@dataclass(kw_only=True)
class _Reader:
    """One mapping and what it has received for its next batch."""

    account: str
    region: str
    mapping: Json
    gathered: list[Json] = field(default_factory=list)
    gathered_bytes: int = 0
    since: float = 0.0
    """When the batching window began."""
    under_way: int = 0


class Queues:
    """All mappings of SQS queues. Everything but the calls of functions happens on the event loop.

    What a mapping has received is invisible in its queue until it is deleted or its visibility timeout has passed, here
    and in every snapshot: a kill makes it visible again at that time, as it would be on AWS.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.permissions = emulator.part(Readers)
        self.readers: dict[str, _Reader] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.sleeper = Sleeper(self.visit)

    def visit(self, now: float) -> float:
        """Hand out every batch that is due; returns when there may be another."""
        next_at, seen = FOREVER, set()
        for account, region, mapping in patches.mappings_everywhere():
            if is_queue(mapping.get("EventSourceArn", "")):
                seen.add(mapping["UUID"])
                with self.emulator.within(account, region):
                    reader = self.readers.setdefault(
                        mapping["UUID"], _Reader(account=account, region=region, mapping=mapping)
                    )
                    next_at = min(next_at, self._visit(reader, now))
        for gone in self.readers.keys() - seen:
            del self.readers[gone]
        return next_at

    def _visit(self, reader: _Reader, now: float) -> float:
        mapping = reader.mapping
        queue = self.emulator.queue(mapping["EventSourceArn"])
        configuration = functions.configuration(mapping)
        if not mapping.get("Enabled", True) or queue is None or configuration is None:
            return FOREVER
        refused = self.permissions.refusal(mapping)
        if refused:
            mapping["LastProcessingResult"] = f"PROBLEM: {refused}"
            return now + REFUSED_SECONDS
        window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        size = int(mapping.get("BatchSize") or QUEUE_DEFAULTS["BatchSize"])
        limit = int((mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or CONCURRENCY)
        while reader.under_way < limit:
            self._gather(reader, size, now)
            if not reader.gathered:
                return self._next_visible(queue, now)
            full = len(reader.gathered) >= size or reader.gathered_bytes >= PAYLOAD_BYTES
            if not full and now < reader.since + window:
                return min(reader.since + window, self._next_visible(queue, now))
            self._hand_out(reader)
        return FOREVER

    def _gather(self, reader: _Reader, size: int, now: float) -> None:
        while len(reader.gathered) < size and reader.gathered_bytes < PAYLOAD_BYTES:
            wanted = min(size - len(reader.gathered), RECEIVED_AT_ONCE)
            received = patches.receive(reader.mapping["EventSourceArn"], wanted)
            if not received:
                return
            if not reader.gathered:
                reader.since = now
            reader.gathered += received
            reader.gathered_bytes += sum(len(message["body"]) + EVENT_BYTES for message in received)

    def _next_visible(self, queue: Json, now: float) -> float:
        later = (message.get("visible_at", 0.0) for message in queue["messages"])
        return min((moment for moment in later if moment > now), default=FOREVER)

    def _hand_out(self, reader: _Reader) -> None:
        messages, reader.gathered, reader.gathered_bytes = reader.gathered, [], 0
        reader.under_way += 1
        task = asyncio.get_running_loop().create_task(self._work(reader, messages))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _work(self, reader: _Reader, messages: list[Json]) -> None:
        with self.emulator.within(reader.account, reader.region):
            try:
                await self._invoke(reader, messages)
            except Exception:
                logger.exception("%s: a batch of messages could not be handled", reader.mapping["FunctionArn"])
            finally:
                reader.under_way -= 1
        self.sleeper.wake()

    async def _invoke(self, reader: _Reader, messages: Sequence[Json]) -> None:
        mapping, arn = reader.mapping, reader.mapping["EventSourceArn"]
        events = [
            documents.queue_event(message, queue=arn, account=reader.account, region=reader.region)
            for message in messages
        ]
        handles = {message["id"]: message["receipt_handle"] for message in messages}
        kept = patches.wanted(events, mapping)
        ids = frozenset(event["messageId"] for event in kept)
        failed: frozenset[str] = frozenset()
        if kept:
            answer = await self.emulator.run_in_thread(
                functions.call, mapping, {"Records": kept}, name="penstock-queue"
            )
            if not isinstance(answer, Returned):
                failed = ids
            elif REPORTS in (mapping.get("FunctionResponseTypes") or []):
                failed = documents.failed_messages(answer.value, ids)
        mapping["LastProcessingResult"] = "PROBLEM: Function call failed" if failed else "OK"
        done = {handle for name, handle in handles.items() if name not in failed}
        # What failed stays, and is visible again after the visibility timeout, or goes to the dead-letter queue then.
        patches.delete(arn, done)
