"""Re-drive of a stream consumer: sends again what Lambda gave up and what was mended in quarantine.

A record goes to the consumer's function as Lambda would pass it, with its own place in the stream, so that the consumer
recognises what it has already done and what has overtaken the record meanwhile. What is sent is noted in the quarantine
bucket after the consumer has answered: whatever interrupts this, the next run goes on, and sends at most the one record
again whose note is missing, which a consumer processes once. Before, it is reserved there, so that of two re-drives at
the same time one sends it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from services.library.operations.consumer import DeployedConsumer
from services.library.operations.failed_batches import FailedBatchCopies, FailedBatchPointers, OnFailureRecord
from services.library.operations.quarantine import QuarantineBucket, QuarantinedRecord, save_payloads
from services.library.operations.records import (
    DONE,
    RecordReader,
    RedriveRecord,
    RedriveResult,
    RedriveVerdict,
    StreamPosition,
)
from services.library.operations.stream import StreamReader
from services.library.operations.table_stream import TableStreamReader

HANDLED = DONE | {RedriveVerdict.QUARANTINED}
"""Verdicts after which nothing is left to do about a failed batch: quarantine has the record."""
KEEPS_KEY_BACK = frozenset({RedriveVerdict.FAILED, RedriveVerdict.SENDING})
"""Verdicts after which later records of the same partition key are not sent."""
COUNT_QUARANTINE = "countQuarantine"
"""The member of an event at which a consumer counts what waits (services/library/runtime/stream.py)."""
LONGEST_TIMEOUT_SECONDS = 900
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""
MARGIN_SECONDS = 60
"""How much longer a record is reserved than its function runs."""


@dataclass(frozen=True, kw_only=True)
class RedriveRequest:
    """An operator's settings of one re-drive."""

    applies: bool = False
    """Whether records are sent; otherwise nothing is sent or changed."""
    mended: Mapping[str, bytes] = field(default_factory=dict)
    """File name -> payload to send in the place of a quarantined one."""
    again: bool = False
    """Send quarantined payloads as they are, once the consumer has learnt to process them."""
    since: datetime | None = None
    """Also send whatever has come into the stream from then on: for batches that no destination heard of."""


class Redrive:
    """Sends records of one consumer again."""

    def __init__(self, consumer: DeployedConsumer, *, client: Callable[[str], Any]) -> None:
        self.function = consumer.function
        self.counts_quarantine = consumer.timeout_seconds is not None
        self.reserved_seconds = (consumer.timeout_seconds or LONGEST_TIMEOUT_SECONDS) + MARGIN_SECONDS
        self.lambda_ = client("lambda")
        self.stream = _reader(consumer.stream, client)
        self.quarantine = QuarantineBucket(client("s3"), bucket=consumer.quarantine)
        self.copies = FailedBatchCopies(client("s3"), bucket=consumer.failures) if consumer.failures else None
        self.pointers = FailedBatchPointers(client("sqs"), url=consumer.pointers) if consumer.pointers else None

    def run(self, request: RedriveRequest) -> Iterator[RedriveResult]:
        """Yield the verdict on each record, as it is reached."""
        pills, unreadable = self.quarantine.read()
        attempt = _Attempt(self, request, sent=self.quarantine.sent())
        yield from unreadable
        yield from attempt.mend(pills)
        failed_batches = [
            *(self.copies.read(self.stream) if self.copies else ()),
            *(self.pointers.read(self.stream) if self.pointers else ()),
        ]
        for batch in sorted(failed_batches, key=lambda each: each.records[0].position if each.records else ("", 0)):
            yield from attempt.send_each(batch.records)
            if batch.lost:
                yield batch.lost
            if batch.receipt is not None and self.pointers is not None:
                self._close(self.pointers, batch, batch.receipt, handled=request.applies and attempt.has_handled(batch))
        if request.since is not None:
            yield from attempt.send_each(self.stream.since(request.since))
        if self.counts_quarantine and RedriveVerdict.SENT in attempt.verdicts.values():
            self._invoke({COUNT_QUARANTINE: True})

    def save(self, folder: Path) -> list[Path]:
        """Write what waits in quarantine to files in a folder, to be mended."""
        return save_payloads(((pill.file_name, pill.record.data) for pill in self.quarantined()), folder)

    def quarantined(self) -> list[QuarantinedRecord]:
        """Return the records in quarantine that no re-drive has sent."""
        sent = self.quarantine.sent()
        return [pill for position, pill in self.quarantine.read()[0].items() if position not in sent]

    def send(self, record: RedriveRecord) -> RedriveResult:
        """Have the consumer process one record, and note that it did."""
        reserved = self.quarantine.reserve(record, seconds=self.reserved_seconds)
        if reserved is not None:
            return reserved
        mark = self.quarantine.mark(record)
        answer = self._invoke({"Records": [record.raw]})
        if "FunctionError" in answer or json.loads(answer["Payload"].read())["batchItemFailures"]:
            verdict = RedriveVerdict.FAILED
        elif self.quarantine.mark(record) != mark:
            verdict = RedriveVerdict.QUARANTINED
        else:
            self.quarantine.note_sent(record)
            return record.line(RedriveVerdict.SENT)
        self.quarantine.release(record)
        return record.line(verdict)

    def _invoke(self, event: Mapping[str, Any]) -> Any:
        return self.lambda_.invoke(FunctionName=self.function, Payload=json.dumps(event).encode())

    def _close(self, pointers: FailedBatchPointers, batch: OnFailureRecord, receipt: str, *, handled: bool) -> None:
        """Delete a message that is handled; make any other visible again."""
        if not handled:
            pointers.give_back(receipt)
            return
        if batch.lost is not None:
            self.quarantine.note_expired(batch.lost)
        pointers.delete(receipt)


def _reader(stream: str, client: Callable[[str], Any]) -> RecordReader:
    if stream.startswith("arn:"):
        return TableStreamReader(client("dynamodbstreams"), arn=stream)
    return StreamReader(client("kinesis"), name=stream)


class _Attempt:
    """The state of one run: what was sent, and which partition keys failed, whose later records are then held back."""

    def __init__(self, redrive: Redrive, request: RedriveRequest, *, sent: set[StreamPosition]) -> None:
        self.redrive = redrive
        self.request = request
        self.sent = sent
        self.failed_keys: set[str] = set()
        self.verdicts: dict[StreamPosition, RedriveVerdict] = {}

    def mend(self, pills: Mapping[StreamPosition, QuarantinedRecord]) -> Iterator[RedriveResult]:
        """Yield the verdict on each quarantined record, and on each mended payload."""
        mended = dict(self.request.mended)
        for pill in pills.values():
            compressed = mended.pop(pill.file_name, None)
            yield self._mend(pill, mended.pop(pill.file_name.removesuffix(".gz"), compressed))
        for name in sorted(mended):
            yield RedriveResult(
                verdict=RedriveVerdict.UNREADABLE, source=name, note="no record in quarantine has this name"
            )

    def send_each(self, records: Iterable[RedriveRecord]) -> Iterator[RedriveResult]:
        """Send one record after the other; yield one verdict for each, even if it was found twice."""
        for record in records:
            if record.position not in self.verdicts:
                yield self._send(record)

    def has_handled(self, batch: OnFailureRecord) -> bool:
        """Return whether nothing is left to do about a failed batch."""
        readable = batch.lost is None or batch.lost.verdict is RedriveVerdict.EXPIRED
        return readable and all(self.verdicts[record.position] in HANDLED for record in batch.records)

    def _mend(self, pill: QuarantinedRecord, payload: bytes | None) -> RedriveResult:
        record = pill.record
        if record.position in self.sent or self.request.again or payload not in (None, record.data):
            try:
                chosen = record if payload is None else record.with_data(payload, pill.file_name)
            except ValueError as error:
                return self._note(record, RedriveVerdict.UNREADABLE, f"{pill.file_name}: {error}")
            return self._send(chosen)
        note = pill.reason if payload is None else f"{pill.reason}; {pill.file_name} is unchanged"
        return self._note(record, RedriveVerdict.QUARANTINED, note)

    def _send(self, record: RedriveRecord) -> RedriveResult:
        if record.position in self.sent:
            return self._note(record, RedriveVerdict.ALREADY)
        if not self.request.applies:
            return self._note(record, RedriveVerdict.WOULD_SEND)
        if record.partition_key in self.failed_keys:
            return self._note(record, RedriveVerdict.HELD)
        result = self.redrive.send(record)
        if result.verdict in KEEPS_KEY_BACK:
            self.failed_keys.add(record.partition_key)
        return self._note(record, result.verdict, result.note)

    def _note(self, record: RedriveRecord, verdict: RedriveVerdict, note: str = "") -> RedriveResult:
        self.verdicts[record.position] = verdict
        return record.line(verdict, note)
