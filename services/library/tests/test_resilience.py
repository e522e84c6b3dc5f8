"""How calls end in time, are tried again and are not made: with a clock that only moves when a test moves it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.library.runtime.resilience import (
    AttemptError,
    Breaker,
    BreakerOpenError,
    BreakerState,
    Deadline,
    DeadlineError,
    Retries,
    RetryBudget,
    Upstream,
)


@dataclass
class Hand:
    """A clock that moves by hand, and when somebody sleeps."""

    time: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@dataclass
class Invocation:
    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def upstream(clock: Hand, *, reserve: int = 5, failures: int = 5, chance: float = 1.0) -> Upstream:
    return Upstream(
        name="https://partner.example.com",
        breaker=Breaker(failures=failures, open_seconds=30, clock=clock),
        budget=RetryBudget(reserve=reserve),
        clock=clock,
        chance=lambda: chance,
    )


def failing(
    clock: Hand, *, seconds: float = 0.0, transient: bool = True, unhealthy: bool = True, wait: float = 0.0
) -> Callable[[int], str]:
    def attempt(number: int) -> str:
        clock.time += seconds
        raise AttemptError(f"attempt {number}", transient=transient, unhealthy=unhealthy, wait_seconds=wait)

    return attempt


def becomes(breaker: Breaker, state: BreakerState) -> bool:
    return breaker.state is state  # asserted directly, mypy takes it that the state never changes again


def test_a_deadline_is_what_lambda_leaves_less_a_margin() -> None:
    clock = Hand()
    deadline = Deadline.before_end_of(Invocation(10_000), margin_seconds=1.5, clock=clock)
    assert deadline.remaining == pytest.approx(8.5)
    assert Deadline.before_end_of(Invocation(10_000), longest_seconds=3, clock=clock).remaining == pytest.approx(3)
    clock.time += 9
    assert deadline.remaining == 0


def test_upstream_makes_no_attempt_after_the_deadline() -> None:
    clock = Hand()
    deadline = Deadline.before_end_of(Invocation(500), margin_seconds=1, clock=clock)
    with pytest.raises(DeadlineError, match=r"partner\.example\.com"):
        upstream(clock).call(lambda _: pytest.fail("called"), retries=Retries(), deadline=deadline)


@given(
    seconds=st.floats(0.01, 5),
    left=st.floats(0.01, 20),
    attempts=st.integers(1, 8),
    wait=st.floats(0, 10),
    chance=st.floats(0, 1),
)  # fmt: skip - one list
def test_upstream_ends_failing_attempts_at_the_deadline(
    seconds: float, left: float, attempts: int, wait: float, chance: float
) -> None:
    # An attempt ends with the deadline, which is the transport's to see to: here it takes what is left, if less.
    clock = Hand()
    deadline = Deadline.after(left, clock=clock)

    def attempt(_number: int) -> str:
        clock.time += min(seconds, deadline.remaining)
        raise AttemptError("dead", transient=True, unhealthy=True, wait_seconds=wait)

    with pytest.raises(AttemptError):
        upstream(clock, chance=chance).call(attempt, retries=Retries(attempts=attempts), deadline=deadline)
    assert clock.time <= deadline.at + 0.1


def test_pauses_double_up_to_the_longest_and_are_by_chance() -> None:
    retries = Retries(first_pause_seconds=0.1, longest_pause_seconds=0.5)
    assert [retries.pause(number, 1.0) for number in (1, 2, 3, 4)] == [0.1, 0.2, 0.4, 0.5]
    assert retries.pause(3, 0.25) == pytest.approx(0.1)


def test_upstream_waits_for_retry_after_and_the_pause() -> None:
    clock = Hand()
    with pytest.raises(AttemptError):
        upstream(clock).call(
            failing(clock, wait=2), retries=Retries(attempts=2), deadline=Deadline.after(9, clock=clock)
        )
    assert clock.slept == [2.1]


def test_a_pause_that_the_deadline_does_not_allow_is_not_begun() -> None:
    clock = Hand()
    with pytest.raises(AttemptError, match="attempt 1"):
        upstream(clock).call(failing(clock, wait=60), retries=Retries(), deadline=Deadline.after(10, clock=clock))
    assert clock.slept == []


def test_upstream_does_not_retry_a_permanent_failure() -> None:
    clock = Hand()
    with pytest.raises(AttemptError, match="attempt 1"):
        upstream(clock).call(
            failing(clock, transient=False), retries=Retries(), deadline=Deadline.after(10, clock=clock)
        )


@given(outcomes=st.lists(st.booleans(), max_size=400), reserve=st.integers(0, 10), each=st.integers(10, 40))
def test_retries_stay_within_the_budget_at_any_moment(outcomes: list[bool], reserve: int, each: int) -> None:
    budget = RetryBudget(calls_per_retry=each, reserve=reserve)
    retries = 0
    for calls, wants_retry in enumerate(outcomes, start=1):
        budget.call()
        retries += wants_retry and budget.take()
        assert retries <= reserve + calls / each


def test_retry_budget_allows_one_retry_in_ten_calls() -> None:
    budget = RetryBudget(reserve=0)
    taken = 0
    for _ in range(1000):
        budget.call()
        taken += budget.take()
    assert taken == 100


@given(calls=st.integers(1, 200), attempts=st.integers(2, 6))
def test_retries_add_a_tenth_of_the_calls_when_all_fail(calls: int, attempts: int) -> None:
    clock = Hand()
    dead = upstream(clock, failures=10**9)
    made = 0

    def attempt(_number: int) -> str:
        nonlocal made
        made += 1
        raise AttemptError("dead", transient=True, unhealthy=True)

    for _ in range(calls):
        with pytest.raises(AttemptError):
            dead.call(attempt, retries=Retries(attempts=attempts), deadline=Deadline.after(60, clock=clock))
    assert calls <= made <= calls + 5 + calls / 10


def test_a_budget_above_a_tenth_is_refused() -> None:
    with pytest.raises(ValueError, match="calls_per_retry=5"):
        RetryBudget(calls_per_retry=5)


def test_a_breaker_opens_after_failures_in_a_row_and_closes_by_a_trial() -> None:
    clock = Hand()
    breaker = Breaker(failures=3, open_seconds=30, clock=clock)

    def report(*, success: bool) -> None:
        ticket = breaker.enter()
        assert ticket is not None
        (breaker.succeeded if success else breaker.failed)(ticket)

    for success in (False, False, True, False, False):
        report(success=success)
    assert becomes(breaker, BreakerState.CLOSED)
    report(success=False)
    assert becomes(breaker, BreakerState.OPEN)
    clock.time += 29.9
    assert breaker.enter() is None
    clock.time += 0.1
    trial = breaker.enter()
    assert trial is not None
    assert becomes(breaker, BreakerState.HALF_OPEN)
    assert breaker.enter() is None
    breaker.failed(trial)
    assert becomes(breaker, BreakerState.OPEN)
    clock.time += 30
    report(success=True)
    assert becomes(breaker, BreakerState.CLOSED)


def test_circuit_breaker_replaces_a_trial_without_a_report() -> None:
    clock = Hand()
    breaker = Breaker(failures=1, open_seconds=30, clock=clock)
    breaker.failed(breaker.enter() or 0)
    clock.time += 30
    lost = breaker.enter()
    clock.time += 30
    second = breaker.enter()
    assert lost is not None
    assert second is not None
    breaker.failed(lost)
    assert becomes(breaker, BreakerState.HALF_OPEN)
    breaker.succeeded(second)
    assert becomes(breaker, BreakerState.CLOSED)


Step = tuple[str, float]


@given(
    steps=st.lists(st.tuples(st.sampled_from(("enter", "succeed", "fail", "wait")), st.floats(0, 40)), max_size=60),
    failures=st.integers(1, 4),
)
def test_a_breaker_is_never_passed_while_it_is_open(steps: list[Step], failures: int) -> None:
    clock = Hand()
    breaker = Breaker(failures=failures, open_seconds=30, clock=clock)
    tickets: list[int] = []
    opened = 0.0
    for step, number in steps:
        before = breaker.state
        if step == "wait":
            clock.time += number
        elif step == "enter":
            ticket = breaker.enter()
            if before is BreakerState.OPEN and clock.time - opened < 30:
                assert ticket is None
            if ticket is not None:
                tickets.append(ticket)
        elif tickets:
            (breaker.succeeded if step == "succeed" else breaker.failed)(tickets.pop(int(number) % len(tickets)))
        if breaker.state is BreakerState.OPEN and before is not BreakerState.OPEN:
            opened = clock.time


def test_an_open_breaker_costs_neither_time_nor_a_call() -> None:
    clock = Hand()
    dead = upstream(clock, failures=2)
    deadline = Deadline.after(60, clock=clock)
    with pytest.raises(AttemptError, match="attempt 2"):  # the third attempt is not made, nor waited for
        dead.call(failing(clock), retries=Retries(attempts=5), deadline=deadline)
    assert len(clock.slept) == 1
    with pytest.raises(BreakerOpenError):
        dead.call(lambda _: pytest.fail("called"), retries=Retries(), deadline=deadline)


def test_circuit_breaker_counts_no_throttling() -> None:
    clock = Hand()
    busy = upstream(clock, failures=1)
    for _ in range(3):
        with pytest.raises(AttemptError):
            busy.call(failing(clock, unhealthy=False), retries=Retries(), deadline=Deadline.after(60, clock=clock))
    assert becomes(busy.breaker, BreakerState.CLOSED)
