"""The clock of builds: the date that AWS's answers bear, and the one way to wait for it to go on.

A build's own clock may be wrong, and whoever runs it could set it. The local cloud's answers say besides how much
faster its clock goes than a real one, so that hours of waiting are seconds there; AWS's answers have no such header,
and nothing that is deployed can ask for it.
"""

import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import boto3

RATE = "x-penstock-clock-rate"
SHORTEST_SECONDS = 0.5
"""How long a wait really takes at least: AWS is asked something after each."""


def _ask() -> Mapping[str, str]:
    """Ask AWS something that everybody may ask."""
    headers: Mapping[str, str] = boto3.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    return headers


class Clock:
    """AWS's time, and what waits for it."""

    def __init__(
        self, *, ask: Callable[[], Mapping[str, str]] = _ask, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._ask = ask
        self._sleep = sleep
        self.skipped = timedelta()
        """How much of what was waited for did not really pass."""

    def now(self) -> datetime:
        """Return the time, with what was skipped."""
        return parsedate_to_datetime(self._ask()["date"]) + self.skipped

    def wait(self, duration: timedelta) -> None:
        """Wait so long, or a little longer."""
        rate = max(float(self._ask().get(RATE, "1")), 1.0)
        slept = max(duration.total_seconds() / rate, min(duration.total_seconds(), SHORTEST_SECONDS))
        if rate > 1 and not self.skipped:
            sys.stdout.write(f"This is a local cloud, whose clock goes {rate:g} times as fast while builds wait.\n")
        self._sleep(slept)
        self.skipped += timedelta(seconds=slept * (rate - 1))
