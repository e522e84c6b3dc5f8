"""A shard under any settings and any answers: nothing is lost, nothing overtakes, and a kill goes on where it was.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

import json
from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.cloud.eventsources.batches import (
    FOREVER,
    Batch,
    Failed,
    InvocationResult,
    NotInvoked,
    Reading,
    Returned,
    Settings,
    StreamRecord,
    after,
)
from pipeline.local.cloud.eventsources.shards import PAYLOAD_BYTES, Shard, restored

READINGS = st.builds(Reading, parts_start_anew=st.booleans(), halves_at_the_first_record=st.booleans())
SETTINGS = st.builds(
    Settings,
    batch_size=st.integers(1, 12),
    window_seconds=st.sampled_from([0.0, 0.5, 3.0]),
    bisects=st.booleans(),
    retries=st.integers(0, 4),
    reports_failures=st.booleans(),
    parallelization=st.integers(1, 4),
    reading=READINGS,
)


def records(count: int) -> list[StreamRecord]:
    return [StreamRecord(str(number * 7 + 99), f"key-{number % 5}", 0.0) for number in range(count)]


def answers(draw: st.DataObject, batch: Batch) -> InvocationResult:
    kind = draw.draw(st.sampled_from(["done", "crash", "throttle", "report"]))
    if kind == "report":
        record = draw.draw(st.sampled_from(list(batch.records)))
        return Returned({"batchItemFailures": [{"itemIdentifier": record.sequence_number}]})
    others: dict[str, InvocationResult] = {"done": Returned(None), "crash": Failed(), "throttle": NotInvoked()}
    return others[kind]


def processed(batch: Batch, answer: InvocationResult, settings: Settings) -> list[StreamRecord]:
    """What a handler that stops at the first failure has done, as the mapping understands its answer."""
    if not isinstance(answer, Returned):
        return []
    if not settings.reports_failures or answer.value is None:
        return list(batch.records)
    failed = answer.value["batchItemFailures"][0]["itemIdentifier"]
    numbers = [record.sequence_number for record in batch.records]
    return list(batch.records[: numbers.index(failed)])


@given(SETTINGS, st.integers(0, 40), st.data())
def test_every_record_is_processed_or_discarded_once_and_in_the_order_of_its_key(
    settings: Settings, count: int, draw: st.DataObject
) -> None:
    shard, now, total = Shard(settings), 0.0, records(count)
    ended: dict[str, list[str]] = defaultdict(list)
    invocations: dict[str, int] = defaultdict(int)
    shard.feed(total, now)
    for _ in range(5_000):
        now = max(now, shard.ready_at())
        if now == FOREVER:
            break
        for lane, batch in list(shard.due(now)):
            assert 0 < len(batch.records) <= settings.batch_size
            answer = answers(draw, batch)
            if not isinstance(answer, NotInvoked):
                invocations[batch.records[0].sequence_number] += 1
            step = after(batch, answer, settings, now)
            again = [record for each in step.again for record in each.records]
            given_up = list(step.discarded.records) if step.discarded else []
            assert [*processed(batch, answer, settings), *given_up, *again] == list(batch.records)
            for record in [*processed(batch, answer, settings), *given_up]:
                ended[record.partition_key].append(record.sequence_number)
            shard.settle(lane, step, now)
            if draw.draw(st.booleans()):  # a kill: what was saved went through JSON, and the records are the stream's
                shard = restored(json.loads(json.dumps(shard.saved())), total, settings, now)
                break
    assert shard.is_idle
    assert shard.checkpoint() is None
    expected: dict[str, list[str]] = defaultdict(list)
    for record in total:
        expected[record.partition_key].append(record.sequence_number)
    assert ended == expected
    assert all(times <= 2 * settings.batch_size * (settings.retries + 1) for times in invocations.values())


def test_a_lane_gives_out_nothing_more_until_its_batch_is_settled() -> None:
    shard = Shard(Settings(batch_size=2))
    shard.feed(records(6), 0.0)
    ((lane, batch),) = shard.due(0.0)
    assert list(shard.due(0.0)) == []
    assert shard.ready_at() == FOREVER
    assert shard.checkpoint() == batch.records[0].sequence_number
    shard.settle(lane, after(batch, Returned(), shard.settings, 0.0), 0.0)
    assert [len(batch.records) for _, batch in shard.due(0.0)] == [2]


def test_a_batch_that_fails_holds_up_what_is_behind_it() -> None:
    """Documented: "Lambda processes records from each shard in order": repeated errors block the affected shard."""
    shard = Shard(Settings(batch_size=2))
    shard.feed(records(4), 0.0)
    ((lane, batch),) = shard.due(0.0)
    shard.settle(lane, after(batch, Failed(), shard.settings, 0.0), 0.0)
    assert list(shard.due(0.0)) == []
    ((_, again),) = shard.due(shard.ready_at())
    assert list(again.records) == list(batch.records)


def test_records_of_one_key_share_a_lane_and_other_keys_go_on() -> None:
    """Documented: "Lambda still ensures in-order processing at the partition-key level"."""
    shard = Shard(Settings(batch_size=100, parallelization=4))
    shard.feed(records(50), 0.0)
    lanes = [{record.partition_key for record in batch.records} for _, batch in shard.due(0.0)]
    assert len(lanes) > 1
    assert sum(map(len, lanes)) == len(set().union(*lanes))


def test_a_window_lets_records_wait_until_it_ends_or_the_batch_is_full() -> None:
    """Documented: "Lambda continues to read records from the stream until it has gathered a full batch, or until the
    batching window expires".
    """
    shard = Shard(Settings(batch_size=3, window_seconds=2.0))
    shard.feed(records(2), 10.0)
    assert shard.ready_at() == 12.0
    assert list(shard.due(11.9)) == []
    assert [len(batch.records) for _, batch in shard.due(12.0)] == [2]
    full = Shard(Settings(batch_size=3, window_seconds=2.0))
    full.feed(records(4), 10.0)
    assert [len(batch.records) for _, batch in full.due(10.0)] == [3]


def test_the_next_window_begins_when_the_function_has_answered() -> None:
    """Documented: "The next window begins as soon as the previous function invocation completes"."""
    shard = Shard(Settings(batch_size=3, window_seconds=2.0))
    shard.feed(records(4), 0.0)
    ((lane, batch),) = shard.due(0.0)
    shard.settle(lane, after(batch, Returned(), shard.settings, 5.0), 5.0)
    assert shard.ready_at() == 7.0


def test_a_batch_ends_before_the_payload_limit() -> None:
    large: list[Any] = [record._replace(size=PAYLOAD_BYTES // 3) for record in records(5)]
    shard = Shard(Settings(batch_size=5, window_seconds=60.0))
    shard.feed(large, 0.0)
    assert [len(batch.records) for _, batch in shard.due(0.0)] == [2]


def test_what_expired_in_the_stream_is_gone_after_a_kill_too() -> None:
    settings = Settings(batch_size=3, retries=5)
    shard = Shard(settings)
    shard.feed(records(6), 0.0)
    ((lane, batch),) = shard.due(0.0)
    shard.settle(lane, after(batch, Failed(), settings, 0.0), 0.0)
    again = restored(shard.saved(), records(6)[2:], settings, 0.0)
    assert [len(batch.records) for batch in again.lanes[0].batches] == [1]
    assert again.waiting == 3
