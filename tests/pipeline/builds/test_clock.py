"""Builds go by AWS's date, and only a local cloud's clock goes faster."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.builds.clock import RATE, SHORTEST_SECONDS, Clock

NOON = "Fri, 04 Dec 2026 12:00:00 GMT"


def clock(answer: Mapping[str, str]) -> tuple[Clock, list[float]]:
    slept: list[float] = []
    return Clock(ask=lambda: answer, sleep=slept.append), slept


def test_a_wait_on_aws_takes_as_long_as_it_says() -> None:
    made, slept = clock({"date": NOON})
    made.wait(timedelta(minutes=1))
    assert slept == [60.0]
    assert made.now() == datetime(2026, 12, 4, 12, tzinfo=UTC)


def test_a_local_clock_makes_hours_seconds_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    made, slept = clock({"date": NOON, RATE: "3600"})
    made.wait(timedelta(hours=2))
    assert slept == [2.0]
    assert made.now() == datetime(2026, 12, 4, 13, 59, 58, tzinfo=UTC)
    made.wait(timedelta(minutes=1))
    assert slept[-1] == SHORTEST_SECONDS
    assert made.skipped > timedelta(hours=2)
    said = "This is a local cloud, whose clock goes 3600 times as fast while builds wait.\n"
    assert capsys.readouterr().out == said
