"""Deadlines, retries, retry budgets and circuit breakers for calls to other systems.

Nothing here knows HTTP, and time and chance come from outside: `Client` is built from it, and so is whatever else calls
out. A sandbox of Lambda lives for hours and each keeps its own state, so a breaker and a budget bound what one sandbox
does; together they bound what all do.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, Self, TypeVar

from .failures import AwsFailure

LEAST_CALLS_PER_RETRY = 10
"""A tenth: what retries may add to a system's load, however badly it does."""

T = TypeVar("T")


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Return seconds since some moment; they never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """This machine's time."""

    def now(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


SYSTEM = SystemClock()


class Context(Protocol):
    """What is used of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation."""


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """When a call must be over, with all its attempts, pauses and bytes."""

    at: float
    """By the clock, in seconds."""
    clock: Clock = field(default=SYSTEM, repr=False)

    @classmethod
    def after(cls, seconds: float, *, clock: Clock = SYSTEM) -> Self:
        """Return a deadline some seconds from now."""
        return cls(at=clock.now() + seconds, clock=clock)

    @classmethod
    def before_end_of(
        cls, context: Context, *, margin_seconds: float = 1.0, longest_seconds: float = 900.0, clock: Clock = SYSTEM
    ) -> Self:
        """Return a deadline before Lambda ends the invocation, by a margin, and `longest_seconds` from now at most."""
        left = context.get_remaining_time_in_millis() / 1000 - margin_seconds
        return cls.after(min(left, longest_seconds), clock=clock)

    @property
    def remaining(self) -> float:
        """Return the seconds left, 0 if it has passed."""
        return max(0.0, self.at - self.clock.now())


class CallError(Exception):
    """A call did not succeed. The text says where and how, with nothing in it of what was sent or answered."""

    aws_failure: AwsFailure | None = None
    """What to ask AWS about, if it was a call of AWS that it answered."""


class AttemptError(CallError):
    """One attempt did not succeed: raised by an attempt, for `Upstream.call` to decide on."""

    def __init__(self, text: str, *, transient: bool, unhealthy: bool, wait_seconds: float = 0.0) -> None:
        """Describe a failed attempt.

        `transient`: another attempt may succeed. `unhealthy`: the failure counts towards opening the circuit breaker.
        `wait_seconds`: how long the system asks not to be called.
        """
        super().__init__(text)
        self.transient = transient
        self.unhealthy = unhealthy
        self.wait_seconds = wait_seconds


class DeadlineError(CallError):
    """The time for the call was over before another attempt could begin."""


class BreakerOpenError(CallError):
    """The system failed over and over a moment ago, so it is not called."""


class RetryBudget:
    """Lets retries add a tenth at most to the calls, beside a reserve to start with: a token bucket.

    After any number of calls there were at most `reserve + calls / calls_per_retry` retries.
    """

    def __init__(self, *, calls_per_retry: int = LEAST_CALLS_PER_RETRY, reserve: int = 5) -> None:
        if calls_per_retry < LEAST_CALLS_PER_RETRY or reserve < 0:
            raise ValueError(
                f"RetryBudget: calls_per_retry={calls_per_retry}, reserve={reserve} is not allowed; give"
                f" {LEAST_CALLS_PER_RETRY} calls or more for each retry, and a reserve of 0 or more: when everything"
                " fails, retries are load on a system that has too much of it."
            )
        self.calls_per_retry = calls_per_retry
        # In calls and not in retries, because tenths do not add up to 1 in floating point.
        self._most = max(reserve, 1) * calls_per_retry
        self._saved = reserve * calls_per_retry
        self._lock = threading.Lock()

    def call(self) -> None:
        """Note that a call begins."""
        with self._lock:
            self._saved = min(self._most, self._saved + 1)

    def take(self) -> bool:
        """Return whether a retry may be made now, and count it."""
        with self._lock:
            if self._saved < self.calls_per_retry:
                return False
            self._saved -= self.calls_per_retry
            return True


class BreakerState(Enum):
    """What a breaker does with calls."""

    CLOSED = "CLOSED"
    """Lets them through."""
    OPEN = "OPEN"
    """Refuses them."""
    HALF_OPEN = "HALF_OPEN"
    """Lets one through, which decides."""


class Breaker:
    """Stops calling a system that fails, and finds out by one call at a time whether it is back.

    CLOSED -> OPEN after `failures` failures in a row -> HALF_OPEN after `open_seconds` -> CLOSED by a success, or OPEN
    by a failure. A trial that is never heard of again, because its sandbox was frozen or its thread died, is replaced
    by another after `open_seconds`. What a call reports that began before the last change of state changes nothing.
    """

    def __init__(self, *, failures: int = 5, open_seconds: float = 30.0, clock: Clock = SYSTEM) -> None:
        if failures < 1 or open_seconds <= 0:
            raise ValueError(
                f"Breaker: failures={failures}, open_seconds={open_seconds:g} is not allowed; give 1 failure or more"
                " and more than 0 seconds."
            )
        self.failures = failures
        self.open_seconds = open_seconds
        self.clock = clock
        self._state = BreakerState.CLOSED
        self._since = clock.now()
        self._in_a_row = 0
        self._ticket = 0
        self._lock = threading.Lock()

    @property
    def state(self) -> BreakerState:
        """Return the state after the last call."""
        return self._state

    def enter(self) -> int | None:
        """Return a ticket to report one call with; None if the call must not be made."""
        with self._lock:
            if self._state is not BreakerState.CLOSED:
                if self.clock.now() - self._since < self.open_seconds:
                    return None
                self._become(BreakerState.HALF_OPEN)
            return self._ticket

    def succeeded(self, ticket: int) -> None:
        """Note that the system responded."""
        with self._lock:
            if ticket == self._ticket:
                self._in_a_row = 0
                if self._state is BreakerState.HALF_OPEN:
                    self._become(BreakerState.CLOSED)

    def failed(self, ticket: int) -> None:
        """Note that the system did not respond, or is unhealthy."""
        with self._lock:
            if ticket == self._ticket:
                self._in_a_row += 1
                if self._state is BreakerState.HALF_OPEN or self._in_a_row >= self.failures:
                    self._become(BreakerState.OPEN)

    def _become(self, state: BreakerState) -> None:
        self._state = state
        self._since = self.clock.now()
        self._in_a_row = 0
        self._ticket += 1


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often a call is tried, and how long the pauses are."""

    attempts: int = 3
    """With the first."""
    first_pause_seconds: float = 0.1
    """The longest that the first pause is; it doubles each time."""
    longest_pause_seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 < self.first_pause_seconds <= self.longest_pause_seconds:
            raise ValueError(
                f"Retries: attempts={self.attempts}, first_pause_seconds={self.first_pause_seconds:g},"
                f" longest_pause_seconds={self.longest_pause_seconds:g} is not allowed; give 1 attempt or more and"
                " pauses above 0 that do not become shorter."
            )

    def pause(self, attempt: int, chance: float) -> float:
        """Return the seconds to wait after an attempt, with full jitter: callers that failed together retry apart."""
        return chance * min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** (attempt - 1))


NO_RETRIES = Retries(attempts=1)
"""Retries of a call that may have had its effect even though it failed: none."""


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """What is remembered of one system between calls, for as long as the sandbox lives."""

    name: str
    """As texts of exceptions name it: a host, say."""
    breaker: Breaker
    budget: RetryBudget
    clock: Clock = SYSTEM
    chance: Callable[[], float] = random.random
    """From 0 to 1."""

    def call(self, attempt: Callable[[int], T], *, retries: Retries, deadline: Deadline) -> T:
        """Return the result of the first attempt that succeeds; `attempt` is given its number, from 1.

        Raises the last AttemptError, or a DeadlineError or BreakerOpenError if no attempt was made at all. Whatever
        else an attempt raises goes through, and tells the breaker nothing.
        """
        self.budget.call()
        failed: AttemptError | None = None
        number = 0
        while True:
            number += 1
            if deadline.remaining <= 0:
                raise failed or DeadlineError(f"{self.name}: no time was left to call it")
            ticket = self.breaker.enter()
            if ticket is None:
                raise failed or BreakerOpenError(f"{self.name}: not called, for it failed over and over just now")
            try:
                result = attempt(number)
            except AttemptError as error:
                failed = error
            else:
                self.breaker.succeeded(ticket)
                return result
            (self.breaker.failed if failed.unhealthy else self.breaker.succeeded)(ticket)
            pause = failed.wait_seconds + retries.pause(number, self.chance())
            if not failed.transient or number == retries.attempts or self.breaker.state is BreakerState.OPEN:
                raise failed
            if pause >= deadline.remaining or not self.budget.take():
                raise failed
            self.clock.sleep(pause)
