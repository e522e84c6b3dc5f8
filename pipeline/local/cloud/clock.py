"""The local cloud's clock: a real one, which may be set ahead, and goes faster where a release waits for hours.

    POST /_penstock/clock    {"rate": 3600, "ahead_seconds": 0}

Every answer bears its date, as AWS's do, and besides how fast it goes, which no answer of AWS's says: builds that wait
(pipeline/builds/clock.py) wait so much shorter. Only who reaches the loopback address can change it.
"""

import time
from email.utils import formatdate
from typing import Any

from pipeline.local.cloud.emulator import AwsError, Emulator, Json

PATH = "/_penstock/clock"
RATE_HEADER = b"x-penstock-clock-rate"
AN_HOUR_IN_A_SECOND = 3_600.0
FASTEST = 1_000_000.0


class CloudClock:
    """What the cloud says of the time; get it by `emulator.part(CloudClock)`."""

    def __init__(self, emulator: Emulator) -> None:
        self.rate = AN_HOUR_IN_A_SECOND
        """How many seconds of a release's waiting pass in a real one."""
        self.ahead_seconds = 0.0
        emulator.serve_path(PATH, self.set)

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        return time.time() + self.ahead_seconds

    def real_seconds(self, seconds: float) -> float:
        """Return how long a wait of so many seconds takes here."""
        return seconds / self.rate

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return what every answer says of it."""
        return [(b"date", formatdate(self.now(), usegmt=True).encode()), (RATE_HEADER, f"{self.rate:g}".encode())]

    def set(self, wanted: Json) -> Json:
        """Set what is given; answers what holds now."""
        self.rate = _number(wanted, "rate", self.rate, low=1.0, high=FASTEST)
        self.ahead_seconds = _number(wanted, "ahead_seconds", self.ahead_seconds, low=-1e9, high=1e9)
        return {"rate": self.rate, "ahead_seconds": self.ahead_seconds}


def _number(wanted: Json, name: str, default: float, *, low: float, high: float) -> float:
    value: Any = wanted.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise AwsError("ValidationException", f"{name}={value!r} is not allowed; give {low:g} to {high:g}.")
    return float(value)
