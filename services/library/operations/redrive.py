"""Sends records to a stream consumer again: what Lambda gave up, and what was mended in quarantine.

A record goes to the consumer's function as Lambda would pass it, with its own place in the stream, so that the consumer
recognises what it has already done and what has overtaken the record meanwhile. What is sent is noted in the quarantine
bucket after the consumer has answered: whatever interrupts this, the next run goes on, and sends at most the one record
again whose note is missing, which a consumer processes once.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.library.operations.consumer import Consumer
from services.library.operations.given_up import Copies, GivenUp, Pointers
from services.library.operations.quarantine import Pill, Quarantine
from services.library.operations.records import DONE, Found, Line, Place, Verdict
from services.library.operations.stream import Stream

HANDLED = DONE | {Verdict.QUARANTINED}
"""Verdicts that leave nothing to do about a batch that was given up: quarantine has the record."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What an operator asks for."""

    applies: bool = False
    """Otherwise nothing is sent or changed."""
    mended: Mapping[str, bytes] = field(default_factory=dict)
    """File name -> payload to send in the place of a quarantined one."""
    again: bool = False
    """Send quarantined payloads as they are, once the consumer has learnt to process them."""
    since: datetime | None = None
    """Also send whatever has come into the stream from then on: for batches that no destination heard of."""


class Redrive:
    """The re-drive of one consumer."""

    def __init__(self, consumer: Consumer, *, client: Callable[[str], Any]) -> None:
        self.function = consumer.function
        self.lambda_ = client("lambda")
        self.stream = Stream(client("kinesis"), name=consumer.stream)
        self.quarantine = Quarantine(client("s3"), bucket=consumer.quarantine)
        self.copies = Copies(client("s3"), bucket=consumer.failures) if consumer.failures else None
        self.pointers = Pointers(client("sqs"), url=consumer.pointers) if consumer.pointers else None

    def run(self, wish: Wish) -> Iterator[Line]:
        """The verdict on each record, as it is reached."""
        pills, unreadable = self.quarantine.read()
        attempt = _Attempt(self, wish, sent=self.quarantine.sent())
        yield from unreadable
        yield from attempt.mend(pills)
        given_up = [
            *(self.copies.read(self.stream) if self.copies else ()),
            *(self.pointers.read(self.stream) if self.pointers else ()),
        ]
        for batch in sorted(given_up, key=lambda each: each.records[0].place if each.records else ("", 0)):
            yield from attempt.send_each(batch.records)
            if batch.lost:
                yield batch.lost
            if batch.receipt is not None and self.pointers is not None:
                self._close(self.pointers, batch, batch.receipt, handled=wish.applies and attempt.has_handled(batch))
        if wish.since is not None:
            yield from attempt.send_each(self.stream.since(wish.since))

    def waiting(self) -> list[Pill]:
        """What is in quarantine and not yet mended."""
        sent = self.quarantine.sent()
        return [pill for place, pill in self.quarantine.read()[0].items() if place not in sent]

    def send(self, record: Found) -> Verdict:
        """Have the consumer process one record, and note it."""
        mark = self.quarantine.mark(record)
        answer = self.lambda_.invoke(FunctionName=self.function, Payload=json.dumps({"Records": [record.raw]}).encode())
        if "FunctionError" in answer or json.loads(answer["Payload"].read())["batchItemFailures"]:
            return Verdict.FAILED
        if self.quarantine.mark(record) != mark:
            return Verdict.QUARANTINED
        self.quarantine.note_sent(record)
        return Verdict.SENT

    def _close(self, pointers: Pointers, batch: GivenUp, receipt: str, *, handled: bool) -> None:
        """Delete a message about which nothing is left to be done; let others see any other."""
        if not handled:
            pointers.give_back(receipt)
            return
        if batch.lost is not None:
            self.quarantine.note_expired(batch.lost)
        pointers.delete(receipt)


class _Attempt:
    """One run: knows what has been done, and that what fails holds back what comes after it under the same key."""

    def __init__(self, redrive: Redrive, wish: Wish, *, sent: set[Place]) -> None:
        self.redrive = redrive
        self.wish = wish
        self.sent = sent
        self.failed_keys: set[str] = set()
        self.verdicts: dict[Place, Verdict] = {}

    def mend(self, pills: Mapping[Place, Pill]) -> Iterator[Line]:
        """Whatever is in quarantine, and the mended payloads."""
        mended = dict(self.wish.mended)
        for pill in pills.values():
            yield self._mend(pill, mended.pop(pill.file_name, None))
        for name in sorted(mended):
            yield Line(verdict=Verdict.UNREADABLE, source=name, note="no record in quarantine has this name")

    def send_each(self, records: Iterable[Found]) -> Iterator[Line]:
        """One record after the other; one that was found before is not told again."""
        for record in records:
            if record.place not in self.verdicts:
                yield self._send(record)

    def has_handled(self, batch: GivenUp) -> bool:
        """Whether nothing is left to be done about a batch that was given up."""
        readable = batch.lost is None or batch.lost.verdict is Verdict.EXPIRED
        return readable and all(self.verdicts[record.place] in HANDLED for record in batch.records)

    def _mend(self, pill: Pill, payload: bytes | None) -> Line:
        record = pill.record
        if record.place in self.sent or self.wish.again or payload not in (None, record.data):
            return self._send(record if payload is None else record.with_data(payload, pill.file_name))
        note = pill.reason if payload is None else f"{pill.reason}; {pill.file_name} is unchanged"
        return self._tell(record, Verdict.QUARANTINED, note)

    def _send(self, record: Found) -> Line:
        if record.place in self.sent:
            return self._tell(record, Verdict.ALREADY)
        if not self.wish.applies:
            return self._tell(record, Verdict.WOULD_SEND)
        if record.partition_key in self.failed_keys:
            return self._tell(record, Verdict.HELD)
        verdict = self.redrive.send(record)
        if verdict is Verdict.FAILED:
            self.failed_keys.add(record.partition_key)
        return self._tell(record, verdict)

    def _tell(self, record: Found, verdict: Verdict, note: str = "") -> Line:
        self.verdicts[record.place] = verdict
        return record.line(verdict, note)
