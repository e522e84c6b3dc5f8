"""How fast a local cloud's clock goes while a release waits: so slowly that alarms can fire meanwhile, or as usual."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.local.client import CLOCK, ask
from pipeline.local.lifecycle import LocalCloud

USUAL, SLOW = 3_600, 12
"""How many seconds of waiting pass in a real one; slowly, a minute lasts as long as the short period of an alarm."""


@contextmanager
def clock_at(cloud: LocalCloud, rate: float) -> Iterator[None]:
    """Let the clock go so fast."""
    before = ask(cloud.port, CLOCK, {}, of="clock")
    ask(cloud.port, CLOCK, {"rate": rate}, of="clock")
    try:
        yield
    finally:
        ask(cloud.port, CLOCK, before, of="clock")
