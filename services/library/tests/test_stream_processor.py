"""What a batch of stream records leads to: an answer that is always well-formed, and a log without payloads."""

import base64
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from services.library.operations.records import RedriveRecord
from services.library.runtime.logging import AllowedFields
from services.library.runtime.quarantine import BucketQuarantine, object_key
from services.library.runtime.stream import (
    FIELDS,
    BatchFailed,
    BatchResponse,
    PermanentFailure,
    StreamProcessor,
    StreamRecord,
)

SECRET = "Schmidt"


class Unreadable(PermanentFailure):
    pass


def raw(number: int, key: str = "k") -> dict[str, Any]:
    data = base64.b64encode(f"{SECRET} {number}".encode()).decode()
    return {
        "eventID": f"shardId-0:{number}",
        "kinesis": {"sequenceNumber": str(number), "partitionKey": key, "data": data},
    }


@dataclass
class Clock:
    """A context whose time shrinks with each look at it."""

    milliseconds: int = 60_000
    each: int = 1

    def get_remaining_time_in_millis(self) -> int:
        self.milliseconds -= self.each
        return self.milliseconds


@dataclass
class Consumer:
    """Fails as told: record number -> exception."""

    failures: Mapping[int, Exception] = field(default_factory=dict)
    quarantine_fails: bool = False
    skips_by_key: bool = False
    processed: list[int] = field(default_factory=list)
    kept: dict[int, str] = field(default_factory=dict)
    log: io.StringIO = field(default_factory=io.StringIO)

    def process(self, record: StreamRecord) -> None:
        number = int(record.sequence)
        if number in self.failures:
            raise self.failures[number]
        self.processed.append(number)

    def keep(self, record: StreamRecord, reason: str, details: Mapping[str, str]) -> None:
        if self.quarantine_fails:
            raise OSError(f"no bucket for {SECRET}")
        self.kept[int(record.sequence)] = " ".join([reason, *details.values()])

    def run(self, *raws: dict[str, Any], context: Clock | None = None) -> BatchResponse:
        logger = Logger(service="stream-sample", stream=self.log, logger_formatter=AllowedFields(FIELDS))
        logger.handlers[0].stream = self.log  # type: ignore[attr-defined]  # a logger of this name may be there already
        processor = StreamProcessor(
            process=self.process, quarantine=self, logger=logger, skips_by_key=self.skips_by_key
        )
        return processor.run({"Records": raws}, context or Clock())


ALL: BatchResponse = {"batchItemFailures": []}


def from_(number: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)}]}


def test_a_batch_without_failures_is_a_success_and_so_is_an_empty_one() -> None:
    consumer = Consumer()
    assert consumer.run(raw(1), raw(2)) == ALL
    assert consumer.processed == [1, 2]
    assert consumer.run() == ALL


def test_stream_processor_quarantines_a_permanent_failure() -> None:
    consumer = Consumer({1: Unreadable(SECRET), 3: Unreadable()})
    assert consumer.run(raw(1), raw(2), raw(3)) == ALL
    assert consumer.processed == [2]
    assert consumer.kept == {1: "Unreadable", 3: "Unreadable"}


def test_details_of_a_permanent_failure_are_quarantined_and_logged() -> None:
    failure = Unreadable(SECRET)
    failure.details = {"digest": "d-2", "recorded_digest": "d-1"}
    consumer = Consumer({1: failure})
    consumer.run(raw(1))
    assert consumer.kept == {1: "Unreadable d-2 d-1"}
    (line,) = map(json.loads, consumer.log.getvalue().splitlines())
    assert (line["reason"], line["digest"], line["recorded_digest"]) == ("Unreadable", "d-2", "d-1")


def test_a_transient_failure_ends_the_batch_there_for_all_keys() -> None:
    consumer = Consumer({2: RuntimeError(SECRET)})
    assert consumer.run(raw(1), raw(2), raw(3, "another")) == from_(2)
    assert consumer.processed == [1]


def test_stream_processor_retries_a_record_that_quarantine_refuses() -> None:
    consumer = Consumer({2: Unreadable()}, quarantine_fails=True)
    assert consumer.run(raw(1), raw(2), raw(3)) == from_(2)


@pytest.mark.parametrize("failure", [RuntimeError(), Unreadable()])
def test_stream_processor_raises_if_the_first_of_several_records_fails(failure: Exception) -> None:
    consumer = Consumer({1: failure}, quarantine_fails=True)
    with pytest.raises(BatchFailed):
        consumer.run(raw(1), raw(2))
    assert consumer.run(raw(1)) == from_(1)


def test_skips_by_key_goes_on_with_other_keys_after_a_failure() -> None:
    consumer = Consumer({2: RuntimeError(), 5: RuntimeError()}, skips_by_key=True)
    answer = consumer.run(raw(1, "a"), raw(2, "b"), raw(3, "a"), raw(4, "b"), raw(5, "c"), raw(6, "a"), raw(7, "c"))
    assert answer == from_(2)
    assert consumer.processed == [1, 3, 6]


@pytest.mark.parametrize("skips_by_key", [False, True])
def test_no_record_is_begun_without_time_for_it(skips_by_key: bool) -> None:
    consumer = Consumer(skips_by_key=skips_by_key)
    assert consumer.run(raw(1), raw(2, "b"), raw(3), context=Clock(5_100, each=1_000)) == from_(3)
    assert consumer.processed == [1, 2]


def test_an_event_that_is_no_stream_event_is_an_error_and_no_answer() -> None:
    consumer = Consumer()
    for event in ({"eventID": "s:1", "kinesis": {}}, {"eventID": "s:1"}, raw(1) | {"kinesis": {"data": "%"}}):
        with pytest.raises(KeyError):
            consumer.run(event)


def test_logs_say_which_record_failed_and_nothing_of_its_payload() -> None:
    consumer = Consumer({1: Unreadable(SECRET), 2: ValueError(f"bad {SECRET}")})
    consumer.run(raw(1), raw(2))
    consumer.quarantine_fails = True
    with pytest.raises(BatchFailed):
        consumer.run(raw(1), raw(2))
    assert SECRET not in consumer.log.getvalue()
    quarantined, failed, unkept = (json.loads(line) for line in consumer.log.getvalue().splitlines())
    assert (quarantined["message"], quarantined["reason"]) == ("record quarantined", "Unreadable")
    assert (quarantined["shard"], quarantined["sequence"]) == ("shardId-0", "1")
    assert (failed["message"], failed["exception_name"], failed["sequence"]) == ("record failed", "ValueError", "2")
    assert unkept["exception_name"] == "OSError"


@pytest.fixture
def put() -> tuple[list[dict[str, Any]], Callable[..., None]]:
    made: list[dict[str, Any]] = []
    return made, lambda **named: made.append(named)


def test_quarantine_keeps_the_whole_record_encrypted_where_redrive_looks_for_it(
    put: tuple[list[dict[str, Any]], Callable[..., None]],
) -> None:
    made, put_object = put

    class S3:
        pass

    s3 = S3()
    s3.put_object = put_object  # type: ignore[attr-defined]  # a double with one method
    record = StreamRecord.of(raw(7, SECRET))
    BucketQuarantine("bucket", client=s3).keep(record, "Unreadable", {"digest": "d"})
    (given,) = made
    assert given["Bucket"] == "bucket"
    assert json.loads(given["Body"]) == {"reason": "Unreadable", "digest": "d", "record": raw(7, SECRET)}
    # Neither keys nor metadata are encrypted.
    assert SECRET not in given["Key"]
    assert given.keys() == {"Bucket", "Key", "Body", "ContentType"}
    assert given["Key"] == object_key(record) == RedriveRecord(raw=record.raw, source="").quarantine_key
