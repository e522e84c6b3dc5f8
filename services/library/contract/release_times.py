"""When a stage may be released to: weekly hours and dated freezes, each in a time zone of its own.

With the standard library alone: the pipeline's gate has this file as text, and no checkout. Moments are compared as
instants. Where clocks change, a local time may come twice or not at all, and can be read in two ways: of a window the
narrower reading counts, of a freeze the wider one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = f"({'|'.join(DAYS)})"
_TIME = r"([01]\d|2[0-3]):[0-5]\d"
HOURS_PATTERN = rf"{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)* {_TIME}-{_TIME}"
MOMENT_PATTERN = rf"\d{{4}}-\d{{2}}-\d{{2}} {_TIME}"
_WRITTEN = "%Y-%m-%d %H:%M"
Choose = Callable[[Iterable[datetime]], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """From one moment to another, without the latter."""

    begins: datetime
    ends: datetime

    def holds(self, now: datetime) -> bool:
        """Return whether a moment is within it."""
        return self.begins <= now < self.ends


def days_of(hours: str) -> frozenset[int]:
    """Return the days of weekly hours such as `Mon-Thu,Sat 09:00-16:30`; Monday is 0."""
    found: set[int] = set()
    for part in hours.partition(" ")[0].split(","):
        first, _, last = part.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return frozenset(found)


def spans_of(hours: str, zone: str, *, around: datetime) -> Iterator[Span]:
    """Yield the spans of weekly hours from the day before a moment to a week after it.

    Hours that end before they begin end on the next day.
    """
    days = days_of(hours)
    begins, ends = hours.partition(" ")[2].split("-")
    today = around.astimezone(ZoneInfo(zone)).date()
    for offset in range(-1, 9):
        day = today + timedelta(days=offset)
        if day.weekday() in days:
            last = day if ends > begins else day + timedelta(days=1)
            span = Span(begins=_instant(day, begins, zone, max), ends=_instant(last, ends, zone, min))
            if span.begins < span.ends:
                yield span


def why_closed(hours: str, zone: str, now: datetime) -> str | None:
    """Say when weekly hours begin again; None while they go on."""
    spans = list(spans_of(hours, zone, around=now))
    if any(span.holds(now) for span in spans):
        return None
    next_one = min((span.begins for span in spans if span.begins > now), default=None)
    begins = f"; opens {shown(next_one, zone)}" if next_one else ""
    return f"outside the window {hours} {zone}, where it is {shown(now, zone)}{begins}"


def freeze_span(begins: str, ends: str, zone: str) -> Span:
    """Return the span of a freeze. Raises ValueError for a date that does not exist."""
    first, last = (datetime.strptime(each, _WRITTEN) for each in (begins, ends))  # noqa: DTZ007 - the zone follows
    return Span(begins=_instant(first.date(), begins[-5:], zone, min), ends=_instant(last.date(), ends[-5:], zone, max))


def why_frozen(begins: str, ends: str, zone: str, why: str, now: datetime) -> str | None:
    """Say which freeze holds now, and until when; None if it does not."""
    span = freeze_span(begins, ends, zone)
    return f"frozen until {shown(span.ends, zone)}: {why}" if span.holds(now) else None


def closed_by(rules: Mapping[str, Any], now: datetime) -> list[str]:
    """Return why each window of a gate's rules that is closed is so, and each freeze that holds, with whose wish."""
    said = [(why_closed(each["hours"], each["zone"], now), each["who"]) for each in rules.get("windows", [])]
    said += [
        (why_frozen(each["begins"], each["ends"], each["zone"], each["why"], now), each["who"])
        for each in rules.get("freezes", [])
    ]
    return [f"{why} (wish of {who})" for why, who in said if why]


def is_written_as_hours(text: str) -> bool:
    """Return whether a text has the form of weekly hours, and they last."""
    if re.fullmatch(HOURS_PATTERN, text) is None:
        return False
    begins, ends = text.partition(" ")[2].split("-")
    return begins != ends


def shown(moment: datetime, zone: str) -> str:
    """Write a moment as people of a zone do."""
    return f"{moment.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M} {zone}"


def _instant(day: date, time: str, zone: str, choose: Choose) -> datetime:
    """Return a local time as an instant; `choose`: min or max, of two where clocks change."""
    hour, minute = map(int, time.split(":"))
    return choose(
        datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
        for fold in (0, 1)
    )
