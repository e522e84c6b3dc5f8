"""Runs ingest's real code on a stream, with Lambda as its documentation says, and crashes that nobody announces.

Each invocation crashes with a fixed probability, whatever happened before: before, between or after any of the writes
of any of its records. How often one record meets a crash is not capped.
"""

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from pipeline.local.cloud.eventsources.batches import (
    Batch,
    Discarded,
    Failed,
    InvocationResult,
    Returned,
    Settings,
    Step,
    StreamRecord,
    after,
)
from pipeline.local.cloud.eventsources.shards import Shard
from services.ingest.runtime.ingestion import Ingestion
from services.library.operations.consumer import DeployedConsumer
from services.library.operations.records import RedriveRecord
from services.library.operations.redrive import Redrive
from services.library.runtime.quarantine import BucketQuarantine
from services.library.runtime.stream import StreamProcessor
from tests.services.ingest.stream.memory import Buckets, Kinesis, Patients, Queue

SHARD = "shardId-000000000000"
QUARANTINE, FAILURES = "quarantine", "failures"
FIRST_SEQUENCE = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898

ARRIVED = datetime(2026, 1, 1, tzinfo=UTC)


class Crash(BaseException):
    """The process is gone: nothing in it can catch this."""


class Silence:
    """A logger."""

    def warning(self, *_: object, **__: object) -> None: ...

    exception = info = warning


class Plenty:
    """A context with time."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


Judge = Callable[[Batch, InvocationResult, Settings, float], Step]


def where_splits_use_retries_up(batch: Batch, answer: InvocationResult, settings: Settings, now: float) -> Step:
    """Worse than documented: "splitting a batch does not count towards the retry quota", but here it does."""
    step = after(batch, answer, settings, now)
    used = batch.retries_used + 1
    if not step.again or used <= settings.retries:
        return Step(tuple(part._replace(retries_used=used) for part in step.again), step.discarded)
    records = [record for part in step.again for record in part.records]
    return Step(discarded=Discarded(records, "RetryAttemptsExhausted", used, answer))


def seeded(seed: int) -> random.Random:
    """Chance that can be repeated."""
    return random.Random(seed)  # noqa: S311 - a simulation's, not a secret's


@dataclass(frozen=True, kw_only=True)
class Given:
    """A stream's content."""

    raws: tuple[Mapping[str, Any], ...]
    """As Lambda passes them."""
    pills: frozenset[str]
    """Sequence numbers."""
    ids: Mapping[str, str]
    """Sequence number -> the submission's id, of good records."""


def content(rng: random.Random, *, records: int, pills: float, keys: int) -> Given:
    """Random submissions of some patients; a share of them can never be processed, for one reason or another."""
    raws, bad, ids = [], set(), {}
    for number in range(records):
        sequence = str(FIRST_SEQUENCE + number * 7)
        patient = f"p-{rng.randrange(keys)}"
        data = json.dumps({"id": f"s-{number}", "patient": patient, "resource": {"resourceType": "Observation"}})
        if rng.random() < pills:
            bad.add(sequence)
            data = rng.choice(
                (f"{data[:-1]} {number}", "[]", f'{{"id": "s-{number}"}}', data.replace("p-", "q-"), "\xff")
            )
        else:
            ids[sequence] = f"s-{number}"
        raws.append(raw_record(sequence, patient, data.encode("latin-1")))
    return Given(raws=tuple(raws), pills=frozenset(bad), ids=ids)


def raw_record(sequence: str, key: str, data: bytes) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": ARRIVED.timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{SHARD}:{sequence}",
        "eventName": "aws:kinesis:record",
    }


@dataclass(kw_only=True)
class World:
    """A deployed ingest, in memory."""

    rng: random.Random
    given: Given
    crashes: float = 0.0
    """Probability of a crash, of each invocation."""
    write_faults: float = 0.0
    """Probability that a write to the quarantine or to the destination fails, of each."""
    skips_by_key: bool = False
    to_queue: bool = False
    """Whether the on-failure destination is a queue."""
    judge: Judge = after

    discarded: list[str] = field(default_factory=list)
    """Sequence numbers of what was given up, in order."""
    unheard: int = 0
    """How many of them the destination did not take."""
    kills: str = ""
    """Sequence number of a record that no invocation survives."""
    counts: list[int] = field(default_factory=list)
    """Invocations for each batch that Lambda formed, with all that it was split into."""
    invoked: list[str] = field(default_factory=list)
    """Sequence numbers of the records that re-drives sent."""
    counted: int = 0
    """How often a re-drive asked for a count of what waits in quarantine."""
    reads: Mapping[str, bool] = field(default_factory=dict)
    """Settings of the processor: which payloads it decodes."""

    def __post_init__(self) -> None:
        self.steps_left: int | None = None
        self.patients = Patients(hook=self._step)
        self.buckets = Buckets(hook=self._put)
        self.queue = Queue()
        self.kinesis = Kinesis(
            {
                SHARD: [
                    {
                        "SequenceNumber": raw["kinesis"]["sequenceNumber"],
                        "PartitionKey": raw["kinesis"]["partitionKey"],
                        "Data": base64.b64decode(raw["kinesis"]["data"]),
                        "ApproximateArrivalTimestamp": ARRIVED,
                    }
                    for raw in self.given.raws
                ]
            }
        )
        ingestion = Ingestion(claims=self.patients, changes=self.patients, events=self.patients)
        self.processor = StreamProcessor(
            process=ingestion.ingest,
            quarantine=BucketQuarantine(QUARANTINE, client=self.buckets),
            logger=Silence(),  # type: ignore[arg-type]  # as much of one as is used
            skips_by_key=self.skips_by_key,
            **self.reads,
        )

    def consume(self, settings: Settings) -> None:
        """Let Lambda work until nothing is left in the stream."""
        shard, now = Shard(settings), 0.0
        shard.feed(
            (
                StreamRecord(raw["kinesis"]["sequenceNumber"], raw["kinesis"]["partitionKey"], 0.0, data=raw)
                for raw in self.given.raws
            ),
            now,
        )
        root_of: dict[str, int] = {}
        """Sequence number -> which batch that Lambda formed it was in, however it was split since."""
        sizes: list[int] = []
        while not shard.is_idle:
            now = max(now, shard.ready_at())
            due = list(shard.due(now))
            self.rng.shuffle(due)  # lanes are independent
            for lane, batch in due:
                if batch.records[0].sequence_number not in root_of:
                    root_of |= {record.sequence_number: len(sizes) for record in batch.records}
                    sizes.append(len(batch.records))
                    self.counts.append(0)
                root = root_of[batch.records[0].sequence_number]
                self.counts[root] += 1
                assert self.counts[root] <= 2 * sizes[root] * (settings.retries + 1)
                answer = self.invoke([record.data for record in batch.records])
                step = self.judge(batch, answer, settings, now)
                if step.discarded:
                    self._give_up(step.discarded)
                shard.settle(lane, step, now)

    def invoke(self, raws: Sequence[Mapping[str, Any]]) -> InvocationResult:
        """One invocation of the function."""
        self.steps_left = self.rng.randrange(4 * len(raws) + 1) if self.rng.random() < self.crashes else None
        try:
            if any(raw["kinesis"]["sequenceNumber"] == self.kills for raw in raws):
                raise Crash
            answer = self.processor.run({"Records": raws}, Plenty())
            if self.steps_left is not None:
                raise Crash  # after the last write, before the answer
        except (Exception, Crash) as error:  # noqa: BLE001 - as Lambda's own runtime does
            return Failed(type(error).__name__)
        finally:
            self.steps_left = None
        return Returned(json.loads(json.dumps(answer)))

    def clients(self) -> dict[str, Any]:
        """The AWS APIs, by name."""
        return {"lambda": FunctionApi(self), "s3": self.buckets, "kinesis": self.kinesis, "sqs": self.queue}

    def redrive(self, wrap: Callable[[Any], Any] = lambda client: client) -> Redrive:
        """An operator's tool for it."""
        clients: dict[str, Any] = {
            "lambda": FunctionApi(self),
            "s3": self.buckets,
            "kinesis": self.kinesis,
            "sqs": self.queue,
        }
        return Redrive(
            DeployedConsumer(
                function="ingest",
                stream="stream",
                quarantine=QUARANTINE,
                failures=None if self.to_queue else FAILURES,
                pointers="url" if self.to_queue else None,
                timeout_seconds=60,
            ),
            client=lambda service: wrap(clients[service]),
        )

    def records(self) -> list[RedriveRecord]:
        """What was given, as an operator sees it."""
        return [RedriveRecord(raw=raw, source="given") for raw in self.given.raws]

    @property
    def beginning(self) -> datetime:
        """When the first record came."""
        return ARRIVED

    def quarantined(self) -> dict[str, bytes]:
        """Sequence number -> payload of what is in quarantine."""
        found = [
            self.buckets.read(QUARANTINE, key)["record"]["kinesis"]
            for key in self.buckets.keys(QUARANTINE, "quarantined/")
        ]
        return {kinesis["sequenceNumber"]: base64.b64decode(kinesis["data"]) for kinesis in found}

    def _give_up(self, discarded: Discarded) -> None:
        sequences = [record.sequence_number for record in discarded.records]
        self.discarded += sequences
        batch = {
            "shardId": SHARD,
            "startSequenceNumber": sequences[0],
            "endSequenceNumber": sequences[-1],
            "batchSize": len(sequences),
        }
        if self.rng.random() < self.write_faults:
            self.unheard += len(sequences)  # Lambda counts it (DestinationDeliveryFailures) and goes on
            return
        if self.to_queue:
            self.queue.send({"KinesisBatchInfo": batch})
            return
        event = json.dumps({"Records": [record.data for record in discarded.records]})
        body = json.dumps({"KinesisBatchInfo": batch, "payload": event})
        self.buckets.put_object(Bucket=FAILURES, Key=f"aws/lambda/id/{SHARD}/{sequences[0]}", Body=body.encode())

    def _step(self, _name: str) -> None:
        if self.steps_left is not None:
            if self.steps_left == 0:
                raise Crash
            self.steps_left -= 1

    def _put(self, name: str) -> None:
        self._step(name)
        if (
            self.write_faults
            and name.startswith(f"put {QUARANTINE}/quarantined/")
            and self.rng.random() < self.write_faults
        ):
            raise OSError("the bucket does not answer")


@dataclass(frozen=True)
class FunctionApi:
    """Lambda's Invoke."""

    world: World

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "ingest"
        event = json.loads(Payload)
        if "Records" not in event:
            self.world.counted += 1
            return {"Payload": BytesIO(json.dumps(self.world.processor.run(event, Plenty())).encode())}
        self.world.invoked += [raw["kinesis"]["sequenceNumber"] for raw in event["Records"]]
        answer = self.world.invoke(event["Records"])
        if isinstance(answer, Failed):
            return {"FunctionError": "Unhandled", "Payload": BytesIO(b"{}")}
        assert isinstance(answer, Returned)
        return {"Payload": BytesIO(json.dumps(answer.value).encode())}
