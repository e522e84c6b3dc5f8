"""The saga's promise, over every order of kills, retries, duplicates and late calls: an effect happens once."""

import dataclasses
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.enrichment.runtime import change, saga, store
from services.enrichment.tests.dynamo import Dynamo, Killed
from services.library.runtime.aws_errors import Busy
from services.library.runtime.resilience import Deadline


@dataclass
class World:
    """A table, a partner, and as many executions as EventBridge makes of one event."""

    dynamo: Dynamo = field(default_factory=Dynamo)
    time: float = 1000.0
    partner_fails: bool = False
    asked: int = 0

    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What others do, one after the other, while the partner thinks of its answer."""

    def coverage(self, _patient: str, _deadline: Deadline) -> Any:
        """Its answers are numbered by when they were asked for: the worst, for it knows what was true then."""
        self.asked += 1
        number = self.asked
        if self.partner_fails:
            raise ConnectionError
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return saga.Coverage(payer="Contoso", member=str(number), active=True)

    @property
    def table(self) -> Any:
        return store.EnrichmentTable("t", client=self.dynamo, hold_seconds=600, now=lambda: self.time)

    def work(self, execution: str, id_: str = "c-1") -> Any:
        return change.Work(execution=execution, id=id_, patient="p-1")

    def enrich(self, execution: str, id_: str = "c-1") -> Any:
        made = saga.Saga(partner=self, store=self.table)
        return made.enrich(self.work(execution, id_), Deadline.after(5))

    def compensate(self, execution: str, id_: str = "c-1") -> Any:
        return saga.compensate(self.table, self.work(execution, id_))

    @property
    def patient(self) -> dict[str, Any]:
        return self.dynamo.items.get("patient#p-1", {})

    @property
    def known(self) -> int:
        """The number of the answer that is kept."""
        return int(self.patient["coverage"]["M"]["member"]["S"])

    def count(self, name: str) -> int:
        return int(self.patient.get(name, {"N": "0"})["N"])


def test_a_change_is_applied_once_and_the_partner_asked_once() -> None:
    world = World()
    assert world.enrich("e-1") is saga.SagaOutcome.APPLIED
    assert world.enrich("e-1") is saga.SagaOutcome.APPLIED_BEFORE
    assert world.enrich("e-2") is saga.SagaOutcome.APPLIED_BEFORE
    assert world.asked == 1
    assert world.count("applied") == 1
    assert "pending" not in world.patient


def test_killed_after_the_effect_and_before_the_answer_the_next_call_finds_it() -> None:
    world = World()
    world.table.hold(world.work("e-1"))
    world.dynamo.dies_after_write = True
    with pytest.raises(Killed):
        world.table.apply(world.work("e-1"), None, world.table.look(world.work("e-1")))
    assert world.enrich("e-1") is saga.SagaOutcome.APPLIED_BEFORE
    assert world.count("applied") == 1


def test_compensation_has_its_effect_once_even_if_it_is_killed_after_it() -> None:
    world = World(partner_fails=True)
    with pytest.raises(ConnectionError):
        world.enrich("e-1")
    assert world.patient["pending"] == {"SS": ["c-1"]}
    world.dynamo.dies_after_write = True
    with pytest.raises(Killed):
        world.compensate("e-1")
    assert [world.compensate("e-1") for _ in range(3)] == [saga.SagaOutcome.NOTHING] * 3
    assert world.count("released") == 1
    assert "pending" not in world.patient


def test_compensation_undoes_an_applied_change_without_a_response() -> None:
    world = World()
    world.enrich("e-1")
    assert world.compensate("e-1") is saga.SagaOutcome.RELEASED
    assert "coverage" not in world.patient


def test_compensation_leaves_a_later_changes_coverage() -> None:
    world = World()
    world.enrich("e-1")
    world.enrich("e-2", "c-2")
    assert world.compensate("e-1") is saga.SagaOutcome.RELEASED
    assert world.patient["relying"] == {"SS": ["c-2"]}
    assert "coverage" in world.patient


def test_a_call_that_comes_after_its_compensation_has_no_effect() -> None:
    world = World()
    assert world.compensate("e-1") is saga.SagaOutcome.NOTHING
    with pytest.raises(saga.Compensated):
        world.enrich("e-1")
    assert world.patient == {}


def test_an_execution_that_was_undone_stays_so_whoever_had_the_change_since() -> None:
    world = World(partner_fails=True)
    for execution in ("e-1", "e-2"):
        with pytest.raises(ConnectionError):
            world.enrich(execution)
        world.compensate(execution)
    world.partner_fails = False
    with pytest.raises(saga.Compensated):
        world.enrich("e-1")
    assert world.compensate("e-1") is saga.SagaOutcome.NOTHING
    assert (world.count("released"), world.count("applied")) == (2, 0)


def test_an_execution_that_is_undone_while_another_has_the_change_gets_it_no_more() -> None:
    world = World(partner_fails=True)
    with pytest.raises(ConnectionError):
        world.enrich("e-1")
    assert world.compensate("e-2") is saga.SagaOutcome.NOTHING
    world.compensate("e-1")
    world.partner_fails = False
    with pytest.raises(saga.Compensated):
        world.enrich("e-2")
    assert world.enrich("e-3") is saga.SagaOutcome.APPLIED


def test_an_operators_new_execution_does_what_the_first_could_not() -> None:
    world = World(partner_fails=True)
    with pytest.raises(ConnectionError):
        world.enrich("e-1")
    world.compensate("e-1")
    world.partner_fails = False
    assert world.enrich("e-2") is saga.SagaOutcome.APPLIED
    assert world.compensate("e-1") is saga.SagaOutcome.NOTHING
    assert world.count("applied") == 1


def test_one_execution_leaves_a_change_to_another_until_that_must_have_ended() -> None:
    world = World(partner_fails=True)
    with pytest.raises(ConnectionError):
        world.enrich("e-1")
    world.partner_fails = False
    assert world.enrich("e-2") is saga.SagaOutcome.ELSEWHERE
    world.time += 601
    assert world.enrich("e-2") is saga.SagaOutcome.APPLIED
    with pytest.raises(saga.Compensated):
        world.table.apply(world.work("e-1"), None, world.table.look(world.work("e-1")))


def test_an_answer_that_comes_late_takes_no_newer_ones_place() -> None:
    world = World()
    world.meanwhile = [lambda: world.enrich("e-2", "c-2")]
    assert world.enrich("e-1") is saga.SagaOutcome.APPLIED
    assert (world.known, world.asked) == (2, 2), "what e-2 was told speaks for c-1, which was waiting"
    assert (world.count("applied"), world.count("answers")) == (2, 1)
    assert "pending" not in world.patient


@pytest.mark.parametrize("order", [*itertools.permutations([("e-1", "c-1"), ("e-2", "c-2")])])
def test_an_answer_goes_with_the_last_change_that_it_speaks_for_and_no_sooner(
    order: tuple[tuple[str, str], ...],
) -> None:
    world = World()
    world.meanwhile = [lambda: world.enrich("e-2", "c-2")]
    world.enrich("e-1")
    assert world.count("answers") == 1
    first, last = order
    assert world.compensate(*first) is saga.SagaOutcome.RELEASED
    assert world.known == 2, "the other change is applied, and nobody will ask for it again"
    assert world.compensate(*last) is saga.SagaOutcome.RELEASED
    assert not world.patient.keys() & {"coverage", "answered", "relying", "pending"}


def test_an_answer_that_was_asked_for_before_the_change_does_not_speak_for_it() -> None:
    world = World()

    late: list[Any] = []

    def another_comes() -> None:
        world.table.hold(world.work("e-2", "c-2"))
        late.append(world.table.look(world.work("e-2", "c-2")))

    world.meanwhile = [another_comes]
    assert world.enrich("e-1") is saga.SagaOutcome.APPLIED
    coverage = saga.Coverage(payer="Contoso", member="9", active=True)
    assert world.table.apply(world.work("e-2", "c-2"), coverage, late[0]) is None, "ask again"
    assert world.enrich("e-2", "c-2") is saga.SagaOutcome.APPLIED
    assert (world.known, world.count("applied"), world.count("answers")) == (2, 2, 2)


def test_one_that_is_overtaken_each_time_is_tried_again_later() -> None:
    world = World()

    def another(number: int) -> Callable[[], object]:
        seen = world.table.look(world.work("e-9", "c-9"))  # before c-1 is waiting
        work = world.work(f"e-{number}", f"c-{number}")

        def answered() -> None:
            world.table.hold(work)
            answers = dataclasses.replace(seen, answers=world.count("answers"))
            world.table.apply(work, saga.Coverage(payer="Contoso", member="0", active=True), answers)

        return answered

    world.meanwhile = [another(number) for number in (2, 3, 4)]
    with pytest.raises(Busy):
        world.enrich("e-1")
    assert world.enrich("e-1") is saga.SagaOutcome.APPLIED
    assert (world.asked, world.count("applied"), "pending" in world.patient) == (4, 4, False)


PLANS = st.recursive(st.just(()), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8)


@given(plan=PLANS)
def test_however_executions_are_within_each_other_no_answer_is_followed_by_an_older_one(plan: Any) -> None:
    """A plan says what happens while an execution waits for the partner: others, and what happens while those wait."""
    world, changes, kept = World(), itertools.count(1), [0]

    def run(inner: Any) -> None:
        number = next(changes)
        asked_before = world.asked

        def others() -> None:
            for each in inner:
                run(each)

        world.meanwhile = [others]
        with suppress(Busy):
            world.enrich(f"e-{number}", f"c-{number}")
            assert world.known > asked_before, "it was asked for after the change came"
        if "coverage" in world.patient:
            assert world.known >= kept[-1]
            kept.append(world.known)

    run(plan)


Step = tuple[str, str, str]
steps = st.lists(
    st.tuples(
        st.sampled_from(("enrich", "enrich", "compensate", "wait")),
        st.sampled_from(("e-1", "e-2", "e-3")),
        st.sampled_from(("", "", "before", "after", "partner")),
    ),
    max_size=25,
)


@given(steps=steps)
def test_whatever_happens_each_execution_applies_at_most_once_and_undoes_at_most_once(steps: list[Step]) -> None:
    world = World()
    compensated: set[str] = set()
    for what, execution, fault in steps:
        world.dynamo.dies_before_write, world.dynamo.dies_after_write = fault == "before", fault == "after"
        world.partner_fails = fault == "partner"
        with suppress(Killed, ConnectionError, saga.Compensated):
            if what == "wait":
                world.time += 700
            elif what == "enrich":
                world.enrich(execution)
            else:
                compensated.add(execution)
                world.compensate(execution)
        state = world.dynamo.items.get("change#c-1", {}).get("saga", {}).get("S")
        assert ("coverage" in world.patient) == (state == "APPLIED")
        assert world.patient.get("pending", {"SS": []})["SS"] == (["c-1"] if state == "HELD" else [])
        assert world.count("applied") <= world.count("released") + 1
        assert world.count("released") <= len(compensated)
    # Whatever was left undone is done by the calls that follow for certain.
    world.dynamo.dies_before_write = world.dynamo.dies_after_write = world.partner_fails = False
    world.time += 700
    assert world.enrich("e-last") in {saga.SagaOutcome.APPLIED, saga.SagaOutcome.APPLIED_BEFORE}
    assert "coverage" in world.patient
    assert "pending" not in world.patient
