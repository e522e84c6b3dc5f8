"""A stream with poison pills and crashes: nothing is lost, overtaken or held up. Full sizes are marked `soak`."""

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.local.cloud.eventsources.batches import Reading, Settings, after
from services.library.operations.records import DONE, RedriveVerdict
from services.library.operations.redrive import RedriveRequest
from tests.services.ingest.stream import bounds
from tests.services.ingest.stream.poison import PATIENT, POISON, payload
from tests.services.ingest.stream.simulation import (
    FIRST_SEQUENCE,
    SHARD,
    Given,
    Judge,
    World,
    content,
    raw_record,
    seeded,
    where_splits_use_retries_up,
)
from tests.testbed.kpl_aggregate import aggregate

READINGS: dict[str, tuple[Reading, Judge]] = {
    "parts start anew": (Reading(parts_start_anew=True), after),
    "parts go on counting": (Reading(parts_start_anew=False), after),
    "splits use retries up": (Reading(parts_start_anew=False), where_splits_use_retries_up),
}
"""The two that the documentation leaves open, and one that it excludes, which is the worst."""
BATCH = 10
DEFAULT_RETRIES = 10


def settings(reading: Reading, **others: Any) -> Settings:
    chosen: dict[str, Any] = {"batch_size": BATCH, "retries": DEFAULT_RETRIES, **others}
    return Settings(bisects=True, reports_failures=True, reading=reading, **chosen)


def check(world: World) -> None:
    """What holds whatever happened."""
    given, applied = world.given, set(world.patients.effects)
    quarantined, discarded = world.quarantined(), set(world.discarded)
    assert all(id_ in applied or sequence in discarded for sequence, id_ in given.ids.items())
    assert given.pills <= quarantined.keys() | discarded
    payloads = {found.sequence: found.data for found in world.records()}
    assert all(sequence in given.pills and data == payloads[sequence] for sequence, data in quarantined.items())
    newest: dict[str, int] = {}
    for effect in world.patients.effects.values():
        assert int(effect.sequence) > newest.get(effect.key, 0)
        newest[effect.key] = int(effect.sequence)
    handled = {id_ for sequence, id_ in given.ids.items() if sequence not in discarded}
    assert handled <= {event.id for event in world.patients.events} <= applied


def settle(world: World, **request: Any) -> None:
    """Re-drive until nothing fails any more."""
    for _ in range(200):
        verdicts = {line.verdict for line in world.redrive().run(RedriveRequest(applies=True, **request))}
        if verdicts <= DONE | {RedriveVerdict.QUARANTINED}:
            break
    assert verdicts <= DONE | {RedriveVerdict.QUARANTINED}
    assert set(world.given.ids.values()) == set(world.patients.effects) == {e.id for e in world.patients.events}
    assert world.quarantined().keys() == world.given.pills
    late = {id_ for sequence, id_ in world.given.ids.items() if sequence in set(world.discarded)}
    assert world.patients.late <= late


def runs(seeds: int, records: int, **others: Any) -> Iterator[World]:
    """Worlds whose crash rates go from 2 to 20 percent."""
    for seed in range(seeds):
        rng = seeded(seed)
        given = content(rng, records=records, pills=0.01, keys=records // 20)
        yield World(rng=rng, given=given, crashes=0.02 + 0.18 * seed / (seeds - 1), **others)


SIZES = [
    pytest.param(4, 500, id="fast"),
    pytest.param(100, 10_000, id="full", marks=pytest.mark.soak),
]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(("seeds", "records"), SIZES)
def test_with_the_default_retries_no_record_is_given_up(
    seeds: int, records: int, reading: str, counted: Callable[..., None]
) -> None:
    """For these seeds. A record is given up if 11 invocations in a row crash, which no number of retries excludes; the
    probability that it happens to none is computed, and stated in docs/soak.md.
    """
    read, judge = READINGS[reading]
    to_none, invocations, pills = 1.0, 0, 0
    for world in runs(seeds, records, judge=judge):
        world.consume(settings(read))
        check(world)
        assert world.discarded == []
        assert world.quarantined().keys() == world.given.pills
        assert set(world.patients.effects) == set(world.given.ids.values())
        invocations, pills = invocations + sum(world.counts), pills + len(world.given.pills)
        to_none *= bounds.given_up(
            records=records,
            batch_size=BATCH,
            crashes=world.crashes,
            retries=DEFAULT_RETRIES,
            splits_use_up=judge is where_splits_use_retries_up,
        )[0]
    counted(invocations=invocations, quarantined=pills, given_up=0, probability_of_none=f"{to_none:.6f}")
    assert to_none > 0.99


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(("seeds", "records"), SIZES)
def test_with_fewer_retries_the_computed_number_is_given_up_and_sent_again_once(
    seeds: int, records: int, reading: str, counted: Callable[..., None]
) -> None:
    read, judge = READINGS[reading]
    invocations, given_up, of_all = 0, 0, bounds.NONE
    for world in runs(seeds, records, judge=judge):
        world.consume(settings(read, retries=3))
        check(world)
        expected = bounds.given_up(
            records=records,
            batch_size=BATCH,
            crashes=world.crashes,
            retries=3,
            splits_use_up=judge is where_splits_use_retries_up,
        )
        low, high = bounds.limits(expected, error=1e-7)
        assert low <= len(world.discarded) <= high
        invocations, given_up = invocations + sum(world.counts), given_up + len(world.discarded)
        of_all = bounds.convolved(of_all, expected)
        settle(world)
    low, high = bounds.limits(of_all, error=1e-4)
    mean = sum(number * probability for number, probability in enumerate(of_all))
    counted(invocations=invocations, given_up=given_up, expected=f"{mean:.1f}", bound=f"{low} to {high}")
    assert low <= given_up <= high


@pytest.mark.parametrize("to_queue", [False, True], ids=["copies", "pointers"])
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(("seeds", "records"), [SIZES[0], pytest.param(100, 1_000, id="full", marks=pytest.mark.soak)])
def test_writes_to_quarantine_and_destination_may_fail(
    seeds: int, records: int, reading: str, to_queue: bool, counted: Callable[..., None]
) -> None:
    """What no destination heard of is still in the stream, where `--since` finds it."""
    read, judge = READINGS[reading]
    given_up, unheard = 0, 0
    for world in runs(seeds, records, judge=judge, write_faults=0.5, to_queue=to_queue):
        world.consume(settings(read, retries=3))
        check(world)
        given_up, unheard = given_up + len(world.discarded), unheard + world.unheard
        world.write_faults = 0.0
        settle(world, since=world.beginning)
    counted(given_up=given_up, of_which_no_destination_heard=unheard)


@pytest.mark.parametrize("reading", READINGS)
def test_a_record_that_kills_the_function_each_time_ends_alone(reading: str) -> None:
    """Not a pill that anybody foresaw: no exception tells it. `batch_size <= 2 ** retries` is what this takes if splits
    use up retries, and what the construct asks for.
    """
    read, judge = READINGS[reading]
    for retries, batch_size in ((3, 8), (10, 1000)):
        given = content(seeded(1), records=batch_size, pills=0, keys=5)
        for place in (0, batch_size // 2, batch_size - 1):
            world = World(rng=seeded(2), given=given, judge=judge)
            world.kills = given.raws[place]["kinesis"]["sequenceNumber"]
            world.consume(settings(read, retries=retries, batch_size=batch_size))
            check(world)
            assert world.discarded == [world.kills]
            assert world.buckets.keys("failures") == [f"aws/lambda/id/{SHARD}/{world.kills}"]


def test_the_distribution_is_the_binomial_one_for_single_records() -> None:
    found = bounds.given_up(records=2, batch_size=1, crashes=0.5, retries=1, splits_use_up=False)
    assert found == pytest.approx((9 / 16, 6 / 16, 1 / 16))
    assert bounds.limits(found, error=0.1) == (0, 1)


def stream_of(records: list[tuple[str, bytes]], ids: list[str | None]) -> Given:
    """A stream of keys and payloads; each has the id of a good submission, or None."""
    sequences = [str(FIRST_SEQUENCE + number) for number in range(len(records))]
    return Given(
        raws=tuple(raw_record(sequence, *record) for sequence, record in zip(sequences, records, strict=True)),
        pills=frozenset(sequence for sequence, id_ in zip(sequences, ids, strict=True) if id_ is None),
        ids={sequence: id_ for sequence, id_ in zip(sequences, ids, strict=True) if id_ is not None},
    )


@pytest.mark.parametrize("crashes", [0.0, 0.3])
@pytest.mark.parametrize("reading", READINGS)
def test_each_kind_of_poison_is_quarantined_with_its_reason_and_costs_no_other_record(
    reading: str, crashes: float
) -> None:
    """Between two kinds is a good record of the same patient."""
    read, judge = READINGS[reading]
    records: list[tuple[str, bytes]] = []
    ids: list[str | None] = []
    for number, (data, _) in enumerate(POISON.values()):
        records += [(PATIENT, payload(id=f"good-{number}")), (PATIENT, data)]
        ids += [f"good-{number}", None]
    world = World(rng=seeded(31), given=stream_of(records, ids), judge=judge, crashes=crashes)
    world.consume(settings(read))
    check(world)
    assert world.discarded == []
    assert list(world.patients.effects) == [id_ for id_ in ids if id_ is not None]
    assert len(world.patients.late) == 0
    reasons = [pill.reason for pill in world.redrive().quarantined()]
    assert reasons == [reason for _, reason in POISON.values()]
    assert len(POISON) == 31


@pytest.mark.parametrize("crashes", [0.0, 0.3])
@pytest.mark.parametrize("reading", READINGS)
def test_a_bad_record_in_an_aggregate_is_quarantined_alone_and_mended_alone(reading: str, crashes: float) -> None:
    """Aggregates and single records, compressed and not; and each kind of poison in one of them."""
    read, judge = READINGS[reading]
    good = [f"good-{number}" for number in range(2 * len(POISON))]
    kinds = {
        name: poison for name, poison in POISON.items() if name not in ("KPL aggregate", "damaged aggregate", "gzip")
    }
    records = [
        (
            "a",
            aggregate(
                [
                    (PATIENT, gzip.compress(payload(id=good[2 * number]))),
                    (PATIENT, data),
                    (PATIENT, payload(id=good[2 * number + 1])),
                ]
            ),
        )
        for number, (data, _) in enumerate(kinds.values())
    ]
    world = World(
        rng=seeded(32),
        given=stream_of(records, ["" for _ in records]),
        judge=judge,
        crashes=crashes,
        reads={"deaggregates_kpl": True, "decompresses_gzip": True},
    )
    world.consume(settings(read))
    assert world.discarded == []
    assert list(world.patients.effects) == good[: 2 * len(kinds)]
    assert len(world.patients.late) == 0
    waiting = world.redrive().quarantined()
    assert [pill.reason for pill in waiting] == [reason for _, reason in kinds.values()]
    assert [pill.record.data for pill in waiting] == [data for data, _ in kinds.values()]
    world.crashes = 0.0
    mended = {pill.file_name: payload(id=f"mended-{index}") for index, pill in enumerate(waiting)}
    request = RedriveRequest(applies=True, mended=mended)
    assert {line.verdict for line in world.redrive().run(request)} == {RedriveVerdict.SENT}
    assert {line.verdict for line in world.redrive().run(request)} == {RedriveVerdict.ALREADY}
    assert world.redrive().quarantined() == []
    late = {f"mended-{index}" for index in range(len(kinds))}
    assert world.patients.late == late, "they came before what is newest"
    assert set(world.patients.effects) == {*good[: 2 * len(kinds)], *late}
