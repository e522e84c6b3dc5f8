"""What becomes of a batch, as Lambda's documentation says it, and in both readings where it says nothing.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from typing import Any

import pytest

from pipeline.local.cloud.eventsources.batches import (
    PROCESSED,
    RETRIES_EXHAUSTED,
    TOO_OLD,
    Batch,
    Failed,
    NotInvoked,
    Reading,
    Returned,
    Settings,
    Step,
    StreamRecord,
    after,
    too_old,
)

READINGS = [
    Reading(parts_start_anew=anew, halves_at_the_first_record=h) for anew in (True, False) for h in (True, False)
]
RECORDS = [StreamRecord(str(100 + number), f"key-{number}", float(number)) for number in range(8)]
ALL = Batch(RECORDS)


def numbers(step: Step) -> list[list[str]]:
    return [[record.sequence_number for record in batch.records] for batch in step.again]


def reporting(*identifiers: Any) -> Returned:
    return Returned({"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]})


@pytest.fixture(params=READINGS, ids=str)
def reading(request: pytest.FixtureRequest) -> Reading:
    found: Reading = request.param
    return found


@pytest.mark.parametrize("value", [None, {}, "", {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_empty_or_null_answer_is_a_success(value: Any) -> None:
    """Documented: "Lambda treats a batch as a complete success if you return any of the following: An empty
    batchItemFailure list; A null batchItemFailure list; An empty EventResponse; A null EventResponse".
    """
    assert after(ALL, Returned(value), Settings(reports_failures=True), 0.0) == PROCESSED


@pytest.mark.parametrize(
    "value",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"wrongKey": "103"}]},
        {"batchItemFailures": [{"itemIdentifier": "103"}, {"itemIdentifier": "999"}]},
        {"batchItemFailures": [{"itemIdentifier": "103"}, {"itemIdentifier": ["103"]}]},
        {"batchItemFailures": "103"},
        ["103"],
        "done",
    ],
)
def test_a_malformed_answer_fails_the_whole_batch(value: Any) -> None:
    """Documented: "Lambda treats a batch as a complete failure if you return any of the following: An empty string
    itemIdentifier; A null itemIdentifier; An itemIdentifier with a bad key name".
    """
    step = after(ALL, Returned(value), Settings(reports_failures=True, retries=3), 0.0)
    assert [(batch.records, batch.retries_used) for batch in step.again] == [(RECORDS, 1)]


def test_an_answer_is_not_looked_at_unless_the_mapping_reports_failures() -> None:
    """Documented: "These responses will not be processed by Lambda unless the ReportBatchItemFailures feature is
    explicitly turned on".
    """
    assert after(ALL, reporting("103"), Settings(), 0.0) == PROCESSED


@pytest.mark.parametrize("bisects", [False, True])
def test_the_lowest_sequence_number_is_the_checkpoint(reading: Reading, bisects: bool) -> None:
    """Documented: "If the batchItemFailures array contains multiple items, Lambda uses the record with the lowest
    sequence number as the checkpoint. Lambda then retries all records starting from that checkpoint." And with
    bisecting, "the batch is bisected at the returned sequence number and Lambda retries only the remaining records".
    """
    settings = Settings(reports_failures=True, bisects=bisects, reading=reading)
    step = after(ALL, reporting("106", "103", "105"), settings, 0.0)
    assert numbers(step) == [["103", "104", "105", "106", "107"]]
    assert step.discarded is None


def test_a_failed_batch_is_halved_in_order_however_failures_are_reported(reading: Reading) -> None:
    """Documented: "If the invocation fails and BisectBatchOnFunctionError is turned on, the batch is bisected
    regardless of your ReportBatchItemFailures setting", and "splitting batches doesn't consume the retry quota".
    """
    for reports in (False, True):
        settings = Settings(bisects=True, retries=0, reports_failures=reports, reading=reading)
        step = after(ALL, Failed(), settings, 0.0)
        assert numbers(step) == [["100", "101", "102", "103"], ["104", "105", "106", "107"]]
        assert step.discarded is None


def test_a_split_gives_all_retries_back_in_one_reading_and_none_in_the_other() -> None:
    for anew, used in ((True, 0), (False, 2)):
        settings = Settings(bisects=True, retries=5, reports_failures=True, reading=Reading(parts_start_anew=anew))
        batch = Batch(RECORDS, retries_used=2)
        assert [half.retries_used for half in after(batch, Failed(), settings, 0.0).again] == [used, used]
        assert [rest.retries_used for rest in after(batch, reporting("103"), settings, 0.0).again] == [used]


def test_a_checkpoint_without_bisecting_is_a_retry_when_retries_go_on() -> None:
    for anew, used in ((True, 0), (False, 3)):
        settings = Settings(retries=5, reports_failures=True, reading=Reading(parts_start_anew=anew))
        assert after(Batch(RECORDS, 2), reporting("103"), settings, 0.0).again[0].retries_used == used
    settings = Settings(retries=2, reports_failures=True, reading=Reading(parts_start_anew=False))
    discarded = after(Batch(RECORDS, 2), reporting("103"), settings, 0.0).discarded
    assert discarded is not None
    assert discarded.records == RECORDS[3:]


def test_the_first_record_reported_halves_the_batch_in_one_reading_and_is_a_retry_in_the_other() -> None:
    for halves, expected in ((True, [["100", "101", "102", "103"], ["104", "105", "106", "107"]]), (False, None)):
        settings = Settings(
            bisects=True, retries=0, reports_failures=True, reading=Reading(halves_at_the_first_record=halves)
        )
        step = after(ALL, reporting("100"), settings, 0.0)
        assert (numbers(step) or None) == expected
        assert (step.discarded is None) is halves


def test_a_record_is_retried_so_often_and_then_discarded(reading: Reading) -> None:
    """MaximumRetryAttempts: "discard records after the specified number of retries"."""
    settings = Settings(retries=3, bisects=True, reading=reading)
    batch, invocations = Batch(RECORDS[:1]), 0
    while True:
        step = after(batch, Failed(), settings, 0.0)
        invocations += 1
        if step.discarded is not None:
            break
        (batch,) = step.again
    assert invocations == 4
    assert step == Step((), (RECORDS[:1], RETRIES_EXHAUSTED, 4, Failed()))  # type: ignore[arg-type]  # equal as tuples


def test_without_a_maximum_a_batch_is_retried_for_ever(reading: Reading) -> None:
    """Documented: "The default value is infinite (-1). When set to infinite, failed records are retried until the
    record expires".
    """
    assert after(Batch(RECORDS, 10_000), Failed(), Settings(reading=reading), 0.0).discarded is None


def test_a_function_that_cannot_be_invoked_costs_no_retry(reading: Reading) -> None:
    """Documented: "If a Lambda event source mapping is unable to invoke the function due to throttling or other issues,
    it retries until the records expire or exceed the maximum age".
    """
    settings = Settings(retries=0, bisects=True, reading=reading)
    step = after(ALL, NotInvoked("throttled"), settings, 0.0)
    assert [(batch.records, batch.retries_used) for batch in step.again] == [(RECORDS, 0)]
    assert step.again[0].not_before > 0


def test_the_pause_between_retries_grows_up_to_a_second() -> None:
    pauses = [after(Batch(RECORDS, used), Failed(), Settings(), 0.0).again[0].not_before for used in range(60)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.1, 1.0)


def test_records_over_the_age_are_discarded_and_the_rest_goes_on() -> None:
    """MaximumRecordAgeInSeconds: "discard records older than the specified age"."""
    settings = Settings(record_age_seconds=10.0)
    assert too_old(ALL, settings, 10.0) is None
    step = too_old(Batch(RECORDS, 2), settings, 13.0, Failed())
    assert step is not None
    assert numbers(step) == [["103", "104", "105", "106", "107"]]
    assert step.again[0].retries_used == 2
    assert step.discarded == (RECORDS[:3], TOO_OLD, 2, Failed())
    everything = too_old(ALL, settings, 100.0)
    assert everything == Step((), (RECORDS, TOO_OLD, 0, None))  # type: ignore[arg-type]  # equal as tuples


def test_retries_for_ever_end_with_the_retention_of_the_stream() -> None:
    """Documented: "-1 means infinite: Lambda doesn't discard records (Kinesis Data Streams data retention settings
    still apply)".
    """
    assert too_old(ALL, Settings(), 1e9) is None
    assert too_old(ALL, Settings(retention_seconds=60.0), 100.0) is not None
