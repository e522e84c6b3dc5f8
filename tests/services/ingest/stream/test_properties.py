"""What a stream consumer promises under any settings, faults and interruptions that hypothesis can think of."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.local.cloud.eventsources.batches import Reading, Settings, after
from services.library.operations.consumer import DeployedConsumer, DeployedQueue, parse_output
from services.library.operations.records import DONE, RedriveVerdict
from services.library.operations.redrive import Redrive, RedriveRequest
from services.library.runtime.stream import Waiting
from tests.services.ingest.stream.simulation import (
    FAILURES,
    QUARANTINE,
    SHARD,
    World,
    content,
    seeded,
    where_splits_use_retries_up,
)
from tests.services.ingest.stream.test_poison_pills import check, settle

settings.register_profile("stream", settings(), derandomize=True)


@st.composite
def worlds(draw: st.DrawFn, *, faults: float) -> tuple[World, Settings]:
    rng = seeded(draw(st.integers(0, 2**32)))
    retries = draw(st.integers(3, 10))
    world = World(
        rng=rng,
        given=content(rng, records=draw(st.integers(1, 60)), pills=0.2, keys=draw(st.integers(1, 6))),
        crashes=draw(st.floats(0, faults)),
        write_faults=draw(st.floats(0, faults)),
        skips_by_key=draw(st.booleans()),
        to_queue=draw(st.booleans()),
        judge=draw(st.sampled_from([after, where_splits_use_retries_up])),
    )
    return world, Settings(
        batch_size=draw(st.integers(1, 2**retries)),
        retries=retries,
        parallelization=draw(st.integers(1, 4)),
        reading=Reading(parts_start_anew=draw(st.booleans()), halves_at_the_first_record=draw(st.booleans())),
        bisects=True,
        reports_failures=True,
    )


@settings(settings.get_profile("stream"), max_examples=60)
@given(worlds(faults=0.5))
def test_nothing_is_lost_or_overtaken_and_all_of_it_can_be_sent_again(made: tuple[World, Settings]) -> None:
    world, chosen = made
    world.consume(chosen)
    check(world)
    world.crashes = world.write_faults = 0.0
    settle(world, since=world.beginning)


class Interrupted(BaseException):
    """The operator's machine is gone."""


class Counting:
    """A client that ends everything at the n-th call, before or after it has had its effect."""

    def __init__(self, client: Any, tick: Callable[[], None]) -> None:
        self.client = client
        self.tick = tick

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if name in ("exceptions", "get_paginator"):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self.tick()
            answer = found(*arguments, **named)
            self.tick()
            return answer

        return call


class Turns:
    """A client whose calls are not under way at the same time, but for those that go on to another client."""

    def __init__(self, client: Any, turn: threading.Lock) -> None:
        self.client = client
        self.turn = turn

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if name in ("exceptions", "get_paginator"):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            with self.turn:
                return found(*arguments, **named)

        return call


def interrupted(world: World, calls: int, request: RedriveRequest) -> bool:
    """Re-drive until so many calls have begun or ended; whether it got to its end."""
    left = iter(range(calls))

    def tick() -> None:
        if next(left, None) is None:
            raise Interrupted

    redrive = world.redrive(wrap=lambda client: Counting(client, tick))
    with suppress(Interrupted):
        for _ in redrive.run(request):
            pass
        return True
    world.queue.hidden.clear()  # what it took becomes visible again after its time, and what it reserved is free
    world.buckets.pass_time(1_000)
    return False


def given_up(*, to_queue: bool) -> World:
    """A world in which pills wait and records were given up."""
    rng = seeded(7)
    made = content(rng, records=24, pills=0.3, keys=3)
    world = World(rng=rng, given=made, crashes=0.8, to_queue=to_queue)
    world.consume(Settings(batch_size=4, retries=3, bisects=True, reports_failures=True))
    world.crashes = 0.0
    assert world.discarded
    assert world.quarantined()
    return world


def mend(world: World) -> dict[str, bytes]:
    """What an operator makes of each pill that is in quarantine."""
    return {
        pill.file_name: (
            f'{{"id": "mended-{pill.record.sequence}", "patient": "{pill.record.partition_key}",'
            ' "resource": {"resourceType": "Observation"}}'
        ).encode()
        for pill in world.redrive().quarantined()
    }


def all_calls(*, to_queue: bool) -> Iterator[int]:
    """Every number of calls at which a re-drive can be interrupted."""
    calls = 0
    while True:
        yield calls
        calls += 1
        world = given_up(to_queue=to_queue)
        if interrupted(world, calls, RedriveRequest(applies=True, mended=mend(world))):
            return


@pytest.mark.parametrize("to_queue", [False, True], ids=["copies", "pointers"])
def test_a_redrive_that_is_interrupted_anywhere_processes_each_record_once(to_queue: bool) -> None:
    for calls in all_calls(to_queue=to_queue):
        world = given_up(to_queue=to_queue)
        told, published = set(world.patients.told), len(world.patients.events)
        request = RedriveRequest(applies=True, mended=mend(world))
        interrupted(world, calls, request)
        for _ in range(2):  # what is quarantined on the way can be mended after it
            list(world.redrive().run(RedriveRequest(applies=True, mended=mend(world))))
        verdicts = [line.verdict for line in world.redrive().run(RedriveRequest(applies=True))]
        assert set(verdicts) == {RedriveVerdict.ALREADY}
        effects = world.patients.effects
        assert set(world.given.ids.values()) <= effects.keys()
        assert {f"mended-{sequence}" for sequence in world.given.pills} == effects.keys() - set(
            world.given.ids.values()
        )
        news = [event.id for event in world.patients.events[published:]]
        assert sorted(news) == sorted(effects.keys() - told)
        assert not world.queue.messages


@pytest.mark.parametrize("to_queue", [False, True], ids=["copies", "pointers"])
def test_two_redrives_at_once_send_each_record_once(to_queue: bool) -> None:
    """They take turns at every call of an API, in many orders."""
    for seed in range(10):
        world = given_up(to_queue=to_queue)
        mended = mend(world)
        rng, turn = seeded(seed), threading.Lock()
        verdicts: list[RedriveVerdict] = []

        def wait(rng: random.Random = rng) -> None:
            time.sleep(rng.random() / 2_000)

        def one(
            world: World = world,
            mended: dict[str, bytes] = mended,
            verdicts: list[RedriveVerdict] = verdicts,
            wait: Callable[[], None] = wait,
            turn: threading.Lock = turn,
        ) -> None:
            redrive = world.redrive(wrap=lambda client: Counting(Turns(client, turn), wait))
            verdicts += [line.verdict for line in redrive.run(RedriveRequest(applies=True, mended=mended))]

        both = [threading.Thread(target=one) for _ in range(2)]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert len(world.invoked) == len(set(world.invoked))
        assert set(verdicts) <= DONE | {RedriveVerdict.SENDING, RedriveVerdict.HELD}
        world.queue.hidden.clear()
        left = [line.verdict for line in world.redrive().run(RedriveRequest(applies=True, mended=mended))]
        assert set(left) <= DONE
        assert len(world.invoked) == len(set(world.invoked))


def test_a_record_that_an_interrupted_redrive_was_sending_waits_until_its_function_is_over() -> None:
    world = World(rng=seeded(1), given=content(seeded(1), records=4, pills=0, keys=1))
    first, *others = world.records()
    world.redrive().quarantine.reserve(first, seconds=120)
    request = RedriveRequest(applies=True, since=world.beginning)
    found = list(world.redrive().run(request))
    assert [line.verdict for line in found] == [RedriveVerdict.SENDING] + [RedriveVerdict.HELD] * len(others)
    at = world.buckets.now + timedelta(seconds=120)
    assert found[0].note.endswith(f"if that was interrupted, repeat this after {at:%H:%M:%S} UTC")
    world.buckets.pass_time(119)
    assert next(iter(world.redrive().run(request))).verdict is RedriveVerdict.SENDING
    world.buckets.pass_time(2)
    assert [line.verdict for line in world.redrive().run(request)] == [RedriveVerdict.SENT] * 4


def test_what_waits_in_quarantine_is_counted_until_it_is_sent() -> None:
    world = World(rng=seeded(1), given=content(seeded(3), records=30, pills=0.2, keys=2))
    world.consume(Settings(batch_size=4, retries=3, bisects=True, reports_failures=True))
    quarantine, waiting = world.processor.quarantine, len(world.given.pills)
    assert quarantine.waiting().records == waiting > 2
    world.buckets.pass_time(-3_600)
    first, second, *_ = world.redrive().quarantined()
    wrong = {first.file_name: b"still wrong"}
    assert RedriveVerdict.QUARANTINED in {
        line.verdict for line in world.redrive().run(RedriveRequest(applies=True, mended=wrong))
    }
    assert quarantine.waiting().records == waiting, "it has two objects, and waits once"
    assert 3_600 <= quarantine.waiting().oldest_seconds < 3_700
    mended = mend(world)
    list(world.redrive().run(RedriveRequest(applies=True, mended={second.file_name: mended[second.file_name]})))
    assert quarantine.waiting().records == waiting - 1
    list(world.redrive().run(RedriveRequest(applies=True, mended=mended)))
    assert quarantine.waiting() == Waiting(records=0, oldest_seconds=0)
    assert world.counted > 0, "whoever sent the last one asked for it"


def test_a_dry_run_changes_nothing() -> None:
    for to_queue in (False, True):
        world = given_up(to_queue=to_queue)
        before = ({name: dict(found) for name, found in world.buckets.objects.items()}, dict(world.queue.messages))
        effects = dict(world.patients.effects)
        lines = list(world.redrive().run(RedriveRequest(mended=mend(world), since=world.beginning)))
        assert {line.verdict for line in lines} == {RedriveVerdict.WOULD_SEND}
        assert (world.buckets.objects, world.queue.messages) == before
        assert world.patients.effects == effects
        assert not world.queue.hidden


def test_what_the_stream_no_longer_has_is_named_once_and_remembered() -> None:
    world = given_up(to_queue=True)
    world.kinesis.trim(SHARD, str(int(world.discarded[-1]) + 1))
    messages = len(world.queue.messages)
    lines = [line for line in world.redrive().run(RedriveRequest()) if line.verdict is RedriveVerdict.EXPIRED]
    assert len(lines) == messages == len(world.queue.messages)
    told = [
        line for line in world.redrive().run(RedriveRequest(applies=True)) if line.verdict is RedriveVerdict.EXPIRED
    ]
    assert told == lines
    assert not world.queue.messages
    kept = [world.buckets.read(QUARANTINE, key) for key in world.buckets.keys(QUARANTINE, "redriven/expired/")]
    assert sorted(each["sequence"] for each in kept) == sorted(line.sequence for line in lines)
    assert all("are no longer in the stream" in line.note for line in lines)


def test_a_batch_of_which_the_stream_has_only_the_end_is_sent_in_part() -> None:
    world = World(rng=seeded(1), given=content(seeded(1), records=6, pills=0, keys=1), to_queue=True)
    sequences = [found.sequence for found in world.records()]
    batch = {"shardId": SHARD, "startSequenceNumber": sequences[0], "endSequenceNumber": sequences[4]}
    world.queue.send({"KinesisBatchInfo": {**batch, "batchSize": 5}})
    world.kinesis.trim(SHARD, sequences[2])
    lines = list(world.redrive().run(RedriveRequest(applies=True)))
    assert [line.verdict for line in lines] == [RedriveVerdict.SENT] * 3 + [RedriveVerdict.EXPIRED]
    assert lines[-1].note == "2 of 5 records are no longer in the stream"
    assert list(world.patients.effects) == ["s-2", "s-3", "s-4"]


def test_a_mended_pill_that_is_still_wrong_stays_in_quarantine_and_an_unchanged_one_is_not_sent() -> None:
    world = World(rng=seeded(1), given=content(seeded(3), records=30, pills=0.2, keys=2))
    world.consume(Settings(batch_size=4, retries=3, bisects=True, reports_failures=True))
    first, second, *_ = world.redrive().quarantined()
    mended = {first.file_name: first.record.data, second.file_name: b"still wrong", "other.json": b"{}"}
    for _ in range(2):
        lines = {line.sequence: line for line in world.redrive().run(RedriveRequest(applies=True, mended=mended))}
        assert lines[first.record.sequence].verdict is RedriveVerdict.QUARANTINED
        assert "unchanged" in lines[first.record.sequence].note
        assert lines[second.record.sequence].verdict is RedriveVerdict.QUARANTINED
        assert lines[""].verdict is RedriveVerdict.UNREADABLE
        assert lines[""].source == "other.json"
    again = {line.verdict for line in world.redrive().run(RedriveRequest(applies=True, again=True))}
    assert again == {RedriveVerdict.QUARANTINED}
    assert {pill.record.data for pill in world.redrive().quarantined()} >= {first.record.data, second.record.data}


def test_what_fails_holds_back_what_came_after_it_for_the_same_patient_alone() -> None:
    world = World(rng=seeded(1), given=content(seeded(1), records=12, pills=0, keys=2))
    world.kills = world.records()[0].sequence
    key = world.records()[0].partition_key
    lines = {
        line.sequence: line.verdict for line in world.redrive().run(RedriveRequest(applies=True, since=world.beginning))
    }
    for found in world.records():
        held = RedriveVerdict.FAILED if found.sequence == world.kills else RedriveVerdict.HELD
        assert lines[found.sequence] is (held if found.partition_key == key else RedriveVerdict.SENT)


def test_a_message_stays_until_all_its_records_are_processed() -> None:
    world = World(rng=seeded(1), given=content(seeded(1), records=4, pills=0, keys=4), to_queue=True)
    first, *_, last = (found.sequence for found in world.records())
    batch = {"shardId": SHARD, "startSequenceNumber": first, "endSequenceNumber": last, "batchSize": 4}
    world.queue.send({"KinesisBatchInfo": batch})
    world.kills = last
    assert [line.verdict for line in world.redrive().run(RedriveRequest(applies=True))] == [RedriveVerdict.SENT] * 3 + [
        RedriveVerdict.FAILED
    ]
    assert world.queue.messages
    world.kills = ""
    verdicts = [line.verdict for line in world.redrive().run(RedriveRequest(applies=True))]
    assert verdicts == [RedriveVerdict.ALREADY] * 3 + [RedriveVerdict.SENT]
    assert not world.queue.messages


@pytest.mark.parametrize("as_text", [True, False])
def test_a_copy_is_read_whether_its_event_is_text_or_an_object(as_text: bool) -> None:
    world = World(rng=seeded(1), given=content(seeded(1), records=3, pills=0, keys=3))
    event = {"Records": [found.raw for found in world.records()]}
    body = json.dumps({"KinesisBatchInfo": {}, "payload": json.dumps(event) if as_text else event})
    world.buckets.put_object(Bucket=FAILURES, Key="aws/lambda/id/copy", Body=body.encode())
    assert [line.verdict for line in world.redrive().run(RedriveRequest(applies=True))] == [RedriveVerdict.SENT] * 3


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        "[]",
        '{"payload": "{}"}',
        '{"payload": "{\\"Records\\": [{\\"eventID\\": \\"s:1\\"}]}"}',
        '{"KinesisBatchInfo": {"shardId": "s"}}',
        '{"KinesisBatchInfo": {"shardId": "s", "startSequenceNumber": "1", "endSequenceNumber": "x", "batchSize": 1}}',
    ],
)
def test_what_nobody_can_read_is_named_and_left_where_it_is(body: str) -> None:
    world = World(rng=seeded(1), given=content(seeded(1), records=1, pills=0, keys=1))
    world.buckets.put_object(Bucket=FAILURES, Key="aws/lambda/id/broken", Body=body.encode())
    world.buckets.put_object(Bucket=QUARANTINE, Key="quarantined/broken", Body=body.encode())
    lines = list(world.redrive().run(RedriveRequest(applies=True)))
    assert [line.verdict for line in lines] == [RedriveVerdict.UNREADABLE] * 2
    assert [line.source for line in lines] == [
        f"s3://{QUARANTINE}/quarantined/broken",
        f"s3://{FAILURES}/aws/lambda/id/broken",
    ]
    pointers = World(rng=seeded(1), given=world.given, to_queue=True)
    pointers.queue.messages["m"] = body
    assert [line.verdict for line in pointers.redrive().run(RedriveRequest(applies=True))] == [
        RedriveVerdict.UNREADABLE
    ]
    assert pointers.queue.messages
    assert not pointers.queue.hidden


def test_a_consumer_is_described_by_one_output_of_its_stack() -> None:
    output = '{"function": "f", "stream": "s", "quarantine": "q", "pointers": "u"}'
    found = parse_output(output)
    assert found == DeployedConsumer(function="f", stream="s", quarantine="q", failures=None, pointers="u")
    assert isinstance(found, DeployedConsumer)
    assert Redrive(found, client=lambda name: name).copies is None
    described = parse_output('{"queue": "u", "dead_letters": "d"}')
    assert described == DeployedQueue(queue="u", dead_letters="d")
