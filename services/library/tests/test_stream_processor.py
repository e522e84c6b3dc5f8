"""What a batch of stream records leads to: an answer that is always well-formed, and a log without payloads."""

import base64
import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from services.library.operations.records import RedriveRecord
from services.library.runtime import compression
from services.library.runtime.logging import AllowedFields
from services.library.runtime.quarantine import BucketQuarantine, object_key
from services.library.runtime.stream import (
    FIELDS,
    BatchFailed,
    BatchResponse,
    PermanentFailure,
    StreamProcessor,
    StreamRecord,
    Waiting,
)
from tests.testbed.kpl_aggregate import aggregate

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
    reads: Mapping[str, bool] = field(default_factory=dict)
    processed: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    kept: dict[int, str] = field(default_factory=dict)
    log: io.StringIO = field(default_factory=io.StringIO)

    def process(self, record: StreamRecord) -> None:
        number = int(record.sequence.replace(".", ""))
        if number in self.failures:
            raise self.failures[number]
        self.processed.append(number)
        self.payloads.append(record.data)

    def keep(self, record: StreamRecord, reason: str, details: Mapping[str, str]) -> None:
        if self.quarantine_fails:
            raise OSError(f"no bucket for {SECRET}")
        self.kept[int(record.sequence.replace(".", ""))] = " ".join([reason, *details.values()])

    def waiting(self) -> Waiting:
        return Waiting(records=3, oldest_seconds=90)

    def run(self, *raws: dict[str, Any], context: Clock | None = None) -> BatchResponse:
        logger = Logger(service="stream-sample", stream=self.log, logger_formatter=AllowedFields(FIELDS))
        logger.handlers[0].stream = self.log  # type: ignore[attr-defined]  # a logger of this name may be there already
        processor = StreamProcessor(
            process=self.process, quarantine=self, logger=logger, skips_by_key=self.skips_by_key, **self.reads
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


def test_logs_say_which_call_of_aws_failed() -> None:
    response: Any = {
        "Error": {"Code": "AccessDeniedException", "Message": SECRET},
        "ResponseMetadata": {"RequestId": "REQ-1", "Resource": "changes"},
    }
    refused = ClientError(response, "PutItem")
    mended = Unreadable()
    mended.__cause__ = refused
    consumer = Consumer({1: mended, 2: refused})
    consumer.run(raw(1), raw(2))
    asked = ["AccessDeniedException", "PutItem", "REQ-1", "changes"]
    for line in map(json.loads, consumer.log.getvalue().splitlines()):
        assert [line[f"aws_{name}"] for name in ("error", "operation", "request_id", "resource")] == asked
        assert any(each.endswith(" process") for each in line["frames"])
    assert SECRET not in consumer.log.getvalue()


KPL, GZIP = {"deaggregates_kpl": True}, {"decompresses_gzip": True}
SUB = 10_000_000
"""A record of an aggregate counts from here: sequence 1, second record -> 10_000_001."""


def holding(number: int, data: bytes, key: str = "a") -> dict[str, Any]:
    kinesis = {"sequenceNumber": str(number), "partitionKey": key, "data": base64.b64encode(data).decode()}
    return {"eventID": f"shardId-0:{number}", "kinesis": kinesis}


def test_an_aggregate_is_taken_for_its_records_and_a_bad_one_costs_itself_alone() -> None:
    whole = holding(2, aggregate([("x", b"one"), ("y", b"two"), ("x", b"three")]))
    consumer = Consumer({2 * SUB + 1: Unreadable()}, reads=KPL)
    assert consumer.run(raw(1), whole, raw(3)) == ALL
    assert consumer.processed == [1, 2 * SUB, 2 * SUB + 2, 3]
    assert consumer.payloads[1:3] == [b"one", b"three"]
    assert consumer.kept == {2 * SUB + 1: "Unreadable"}


def test_after_a_failure_in_an_aggregate_those_of_other_keys_are_processed() -> None:
    """Nobody can halve it: what is not processed now goes with it to the on-failure destination."""
    whole = holding(2, aggregate([("x", b"1"), ("y", b"2"), ("y", b"3"), ("z", b"4")]))
    consumer = Consumer({2 * SUB + 1: RuntimeError()}, reads=KPL)
    assert consumer.run(raw(1), whole, raw(3)) == from_(2)
    assert consumer.processed == [1, 2 * SUB, 2 * SUB + 3]


def test_an_aggregate_for_which_there_is_no_time_is_tried_again_as_a_whole() -> None:
    whole = holding(2, aggregate([("x", b"1"), ("y", b"2")]))
    consumer = Consumer(reads=KPL)
    assert consumer.run(raw(1), whole, context=Clock(5_100, each=1_000)) == from_(2)
    assert consumer.processed == [1, 2 * SUB]


def test_a_record_of_an_aggregate_that_is_sent_again_is_the_same_record() -> None:
    whole = StreamRecord.of(holding(7, aggregate([("x", b"1"), ("y", SECRET.encode())])))
    first, second = whole.split()
    assert (first.sequence, second.sequence) == ("7.0000000", "7.0000001")
    assert (second.key, second.data) == ("y", SECRET.encode())
    again = StreamRecord.of(json.loads(json.dumps(second.raw)))
    assert again == second
    sent = RedriveRecord(raw=second.raw, source="")
    assert (sent.sequence, sent.position) == ("7.0000001", ("shardId-0", 7, 1))
    assert sent.quarantine_key == object_key(second)
    consumer = Consumer(reads=KPL)
    consumer.run(second.raw)  # type: ignore[arg-type]  # as JSON has it
    assert consumer.processed == [7 * SUB + 1]


@pytest.mark.parametrize(
    ("data", "reads", "reason"),
    [
        (aggregate([("x", b"1")])[:-1], KPL, "DamagedKplAggregate"),
        (gzip.compress(b"1", mtime=0)[:-1], GZIP, "DamagedGzip"),
        (gzip.compress(b"1", mtime=0) + b"more", GZIP, "DamagedGzip"),
        (gzip.compress(b"\0" * (compression.LARGEST_DECOMPRESSED_BYTES + 1), mtime=0), GZIP, "PayloadTooLarge"),
    ],
    ids=["an aggregate cut off", "gzip cut off", "more after gzip", "too large"],
)
def test_what_cannot_be_decoded_is_quarantined_as_it_came(data: bytes, reads: dict[str, bool], reason: str) -> None:
    consumer = Consumer(reads=reads)
    assert consumer.run(holding(1, data), raw(2)) == ALL
    assert (consumer.kept, consumer.processed) == ({1: reason}, [2])


def test_gzip_is_decompressed_and_what_is_none_is_taken_as_it_is() -> None:
    both = gzip.compress(b"a") + gzip.compress(b"b")
    consumer = Consumer(reads=GZIP)
    assert consumer.run(holding(1, both), holding(2, b"plain"), holding(3, gzip.compress(b""))) == ALL
    assert consumer.payloads == [b"ab", b"plain", b""]
    consumer = Consumer(reads=KPL | GZIP)
    assert consumer.run(holding(4, aggregate([("x", both), ("y", b"plain")]))) == ALL
    assert consumer.payloads == [b"ab", b"plain"]


def test_without_the_settings_payloads_are_taken_as_they_came() -> None:
    data = [aggregate([("x", b"1")]), gzip.compress(b"1")]
    consumer = Consumer()
    assert consumer.run(*(holding(index, each) for index, each in enumerate(data))) == ALL
    assert consumer.payloads == data


def test_a_consumer_that_is_asked_counts_what_waits_in_quarantine() -> None:
    consumer = Consumer()
    logger = Logger(service="stream-sample", stream=consumer.log, logger_formatter=AllowedFields(FIELDS))
    logger.handlers[0].stream = consumer.log  # type: ignore[attr-defined]  # as above
    answer = StreamProcessor(process=consumer.process, quarantine=consumer, logger=logger).run(
        {"countQuarantine": True}, Clock()
    )
    assert answer == ALL
    line = json.loads(consumer.log.getvalue())
    assert (line["message"], line["waiting"], line["oldest_seconds"]) == ("quarantine counted", 3, 90)


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
