"""What the local HealthLake does wrong on demand; the same requests in the same order meet the same faults again.

    POST /_penstock/healthlake/faults    {"seed": 7, "throttled": 5, "failing": 1, "resetting": 1}

sets, for all requests from then on, what goes wrong with them; whatever is left out, does not. `{}` mends everything.
The answer says what is set, and how many requests there were and met each fault since it was last set.
"""

import random
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any

LAG_SECONDS = 0.1
"""How far a search lags behind what was written, unless somebody asks for more."""


class Fault(Enum):
    """One way to fail, named as the share of requests that meet it."""

    THROTTLED = "throttled"
    """Nothing is done; 400 ThrottlingException, which is how HealthLake throttles."""
    LIMITED = "limited"
    """Nothing is done; 429 with an OperationOutcome."""
    FAILING = "failing"
    """Nothing is done; 500, 502, 503 or 504."""
    RESETTING = "resetting"
    """Everything is done, and the connection reset in the place of an answer."""
    TRUNCATED = "truncated"
    """Everything is done, and the connection ends after half of the answer that was announced."""
    TRICKLED = "trickled"
    """Everything is done, and the answer comes in pieces over `seconds`."""
    SLOW = "slow"
    """Everything is done, `seconds` late."""


NOTHING_DONE = frozenset({Fault.THROTTLED, Fault.LIMITED, Fault.FAILING})
FAILING_STATUSES = (500, 502, 503, 504)
NEXT_LINKS = ("", "same", "elsewhere")


class FaultsError(Exception):
    """Faults were asked for that there are not; the text is for who asked."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong: shares in percent, which may add up to 100."""

    seed: int = 0
    throttled: float = 0
    limited: float = 0
    failing: float = 0
    resetting: float = 0
    truncated: float = 0
    trickled: float = 0
    slow: float = 0
    seconds: float = 1.0
    times: int | None = None
    """After so many faults, no more."""
    retry_after: int | None = None
    """Seconds, as a header of answers that say to come back later."""
    next_link: str = ""
    """`same`: leads back to the page that it is on. `elsewhere`: to another origin."""
    lag_seconds: float = LAG_SECONDS
    datastore: str | None = None
    """Only this one; all others are well."""

    @classmethod
    def of(cls, document: Any) -> "Faults":
        """Read what was posted. Raises FaultsError."""
        if not isinstance(document, dict) or document.keys() - {each.name for each in fields(cls)}:
            raise FaultsError(f"give an object with some of {', '.join(each.name for each in fields(cls))}")
        optional = {"times", "retry_after", "datastore"}
        for name, value in document.items():
            numeric = isinstance(value, int | float) and not isinstance(value, bool)
            whole = name in {"seed", "times", "retry_after"}
            text = name in {"next_link", "datastore"}
            if value is None and name in optional:
                continue
            if (
                text is not isinstance(value, str)
                or (not text and not numeric)
                or (whole and not isinstance(value, int))
            ):
                raise FaultsError(f"{name} is of another kind: see docs/local-green.md")
            if numeric and value < 0:
                raise FaultsError(f"{name} is {value}, and must not be negative")
        faults = cls(**document)
        if sum(faults.share(fault) for fault in Fault) > 100:
            raise FaultsError("the shares add up to more than 100 percent")
        if faults.next_link not in NEXT_LINKS:
            raise FaultsError("next_link can be same, elsewhere, or left out")
        return faults

    def share(self, fault: Fault) -> float:
        """Return the percent of the requests that a fault is for."""
        found: float = getattr(self, fault.value)
        return found


@dataclass(kw_only=True)
class FaultInjection:
    """Decides for each request, and counts."""

    faults: Faults = field(default_factory=Faults)
    counted: Counter[str] = field(default_factory=Counter)
    _random: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - repeatable, not secret

    def set(self, faults: Faults) -> None:
        """Set what goes wrong from the next request on."""
        self.faults = faults
        self.counted.clear()
        self._random = random.Random(faults.seed)  # noqa: S311 - as above

    def next(self, datastore: str) -> Fault | None:
        """Return what goes wrong with the request that is here now."""
        self.counted["requests"] += 1
        if self.faults.datastore not in (None, datastore):
            return None
        drawn = self._random.uniform(0, 100)
        dealt = sum(self.counted[fault.value] for fault in Fault)
        if self.faults.times is not None and dealt >= self.faults.times:
            return None
        for fault in Fault:
            drawn -= self.faults.share(fault)
            if drawn < 0:
                self.counted[fault.value] += 1
                return fault
        return None

    def status(self) -> int:
        """Return which one a failing request gets."""
        return self._random.choice(FAILING_STATUSES)

    def lag(self, datastore: str) -> float:
        """Say how far its index is behind."""
        return self.faults.lag_seconds if self.faults.datastore in (None, datastore) else LAG_SECONDS

    def report(self) -> dict[str, Any]:
        """Return what is set, and what was met."""
        return {"set": asdict(self.faults), "counted": dict(self.counted)}
