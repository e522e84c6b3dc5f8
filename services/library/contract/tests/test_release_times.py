"""Windows and freezes, as instants: in other zones, over midnight, and where clocks change."""

from datetime import UTC, datetime

import pytest

from services.library.contract.release_times import days_of, freeze_span, is_written_as_hours, why_closed, why_frozen

OFFICE = "Mon-Fri 09:00-16:30"
NIGHT = "Mon-Fri 22:00-04:00"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "now"),
    [
        (OFFICE, "Europe/Berlin", "2026-12-04 08:00"),
        (OFFICE, "Europe/Berlin", "2026-12-04 15:29"),
        (OFFICE, "Europe/Berlin", "2026-07-03 07:00"),  # summer time
        (OFFICE, "America/New_York", "2026-12-04 20:00"),
        (NIGHT, "America/New_York", "2026-12-05 08:59"),  # Friday's night, on Saturday
        ("Sat-Mon 00:00-23:59", "Pacific/Auckland", "2026-12-04 12:00"),  # Saturday there already
    ],
)
def test_window_is_open_by_the_clocks_of_its_zone(hours: str, zone: str, now: str) -> None:
    assert why_closed(hours, zone, utc(now)) is None


@pytest.mark.parametrize(
    ("hours", "zone", "now", "opens"),
    [
        (OFFICE, "Europe/Berlin", "2026-12-04 07:59", "opens Fri 2026-12-04 09:00 Europe/Berlin"),
        (OFFICE, "Europe/Berlin", "2026-12-04 15:30", "opens Mon 2026-12-07 09:00 Europe/Berlin"),
        # Clocks go forward on the 29th of March: nine o'clock is an hour earlier than the Friday before.
        (OFFICE, "Europe/Berlin", "2026-03-27 15:30", "opens Mon 2026-03-30 09:00 Europe/Berlin"),
        (OFFICE, "Europe/Berlin", "2026-03-30 06:59", "opens Mon 2026-03-30 09:00 Europe/Berlin"),
        (OFFICE, "Asia/Tokyo", "2026-12-04 08:00", "opens Mon 2026-12-07 09:00 Asia/Tokyo"),  # night there
        (NIGHT, "America/New_York", "2026-12-05 09:00", "opens Mon 2026-12-07 22:00 America/New_York"),
    ],
)
def test_window_is_closed_by_the_clocks_of_its_zone(hours: str, zone: str, now: str, opens: str) -> None:
    said = why_closed(hours, zone, utc(now))
    assert said is not None
    assert said.endswith(opens)


def test_window_opens_at_nine_on_both_sides_of_a_change_of_clocks() -> None:
    for before, after in (("2026-03-27 08:00", "2026-03-30 07:00"), ("2026-10-23 07:00", "2026-10-26 08:00")):
        assert why_closed(OFFICE, "Europe/Berlin", utc(before)) is None
        assert why_closed(OFFICE, "Europe/Berlin", utc(after)) is None


def test_of_an_hour_that_comes_twice_a_window_has_the_second_and_a_freeze_both() -> None:
    window = "Sun 02:00-02:59"  # on the 25th of October from 00:00 to 00:59 UTC, and from 01:00 to 01:59
    assert why_closed(window, "Europe/Berlin", utc("2026-10-25 00:30")) is not None
    span = freeze_span("2026-10-25 02:00", "2026-10-25 02:30", "Europe/Berlin")
    assert (span.begins, span.ends) == (utc("2026-10-25 00:00"), utc("2026-10-25 01:30"))


def test_an_hour_that_does_not_come_opens_no_window() -> None:
    for now in ("2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 01:30"):
        assert why_closed("Sun 02:00-02:59", "Europe/Berlin", utc(now)) is not None


def test_freeze_holds_from_its_first_moment_until_before_its_last() -> None:
    freeze = ("2026-12-23 18:00", "2027-01-04 08:00", "America/New_York", "Nobody is there to mend it")
    assert why_frozen(*freeze, utc("2026-12-23 22:59")) is None
    said = "frozen until Mon 2027-01-04 08:00 America/New_York: Nobody is there to mend it"
    assert why_frozen(*freeze, utc("2026-12-23 23:00")) == said
    assert why_frozen(*freeze, utc("2027-01-04 12:59")) == said
    assert why_frozen(*freeze, utc("2027-01-04 13:00")) is None


def test_days_of_hours_go_over_the_end_of_a_week() -> None:
    assert days_of("Fri-Mon 09:00-10:00") == {4, 5, 6, 0}
    assert days_of("Mon,Wed-Thu 09:00-10:00") == {0, 2, 3}
    assert days_of("Sun-Sun 09:00-10:00") == {6}


@pytest.mark.parametrize("text", ["Mon-Fri 09:00", "mon 09:00-10:00", "Mon 9:00-10:00", "Mon 09:00-24:00", "Mon"])
def test_other_texts_are_no_hours(text: str) -> None:
    assert not is_written_as_hours(text)
    assert not is_written_as_hours("Mon 09:00-09:00")
