"""How a stage is released to, as each of its entries wishes it; the strictest wish among them applies to the stage."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from services.library.contract import release_times
from services.library.contract.constraints import Between, InvalidSetting, Matches, suggestion
from services.library.contract.names import SHORTEST_REASON

ZONE = Matches(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)+|UTC", "a time zone such as Europe/Berlin, or UTC")
HOURS = Matches(release_times.HOURS_PATTERN, "days and hours such as Mon-Fri 09:00-16:30")
MOMENT = Matches(release_times.MOMENT_PATTERN, "a date and time such as 2026-12-23 18:00")
ALARM_NAME = Matches(r"[^\"#{}]{1,255}", "the name of an alarm: 1-255 characters without quotes, braces and #")
LONGEST_SHIFT_MINUTES = 2_880
"""https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html: between the first shift and the last."""
LONGEST_BAKE_MINUTES = 2_040
"""A build lasts 2,160 at most; two hours are left for everything around the bake:
https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """Moves a part of the traffic to the new version, and the rest after some minutes."""

    percent: Annotated[int, Between(1, 99)]
    minutes: Annotated[int, Between(1, LONGEST_SHIFT_MINUTES)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Linear:
    """Moves a part of the traffic to the new version, and as much again after each interval."""

    percent: Annotated[int, Between(1, 99)]
    minutes: Annotated[int, Between(1, LONGEST_SHIFT_MINUTES)]
    """From one step to the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AllAtOnce:
    """Moves all of the traffic to the new version when it is deployed."""


ALL_AT_ONCE = AllAtOnce()
Traffic = Canary | Linear | AllAtOnce


@dataclass(frozen=True, kw_only=True, slots=True)
class Off:
    """Leaves out what the stage or its tier would have; `roll_back` has False for it."""


OFF = Off()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseAlarms:
    """Watches the share of failures of whatever the service's stack has: functions, APIs and workflows."""

    error_percent: Annotated[int, Between(1, 99)] = 5
    """The alarm fires once two of the last three minutes had more failures than this in a hundred requests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bake:
    """Watches the release alarms for some time after the deployment, before the run goes on."""

    minutes: Annotated[int, Between(1, LONGEST_BAKE_MINUTES)]
    requests: Annotated[int, Between(0, 1_000_000)] = 100
    """How many each service must have had meanwhile: a bake without requests proves nothing. At 0 its log says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The hours of the week in which a release may begin."""

    hours: Annotated[str, HOURS]
    """Such as `Mon-Fri 09:00-16:30`. Hours that end before they begin end on the next day."""
    zone: Annotated[str, ZONE]


@dataclass(frozen=True, kw_only=True, slots=True)
class Freeze:
    """A time in which no release may begin, such as the end of a year."""

    begins: Annotated[str, MOMENT]
    ends: Annotated[str, MOMENT]
    zone: Annotated[str, ZONE]
    why: Annotated[
        str, Matches(rf"[^\n]{{{SHORTEST_REASON},200}}", f"{SHORTEST_REASON}-200 characters that say why to a stranger")
    ]


@dataclass(frozen=True, kw_only=True)
class Release:
    """What a service wishes of the releases of its stage, or a stage of its own. None and () wish nothing.

    What neither the stage nor any of its services wishes is as the tier has it (services/library/contract/defaults.py).
    """

    traffic: Traffic | Off | None = None
    """How the service's traffic moves to a new version."""
    alarms: ReleaseAlarms | Off | None = None
    """Watch the service by one alarm, STAGE-SERVICE-release; while it fires, no release begins."""
    bake: Bake | Off | None = None
    """Watch the stage after its deployment. A bake that ends with an alarm, or without requests, fails the stage."""
    window: Window | None = None
    """When a release may begin; judged after the approval."""
    freeze: tuple[Freeze, ...] = ()
    """When none may; judged after the approval."""
    blockers: tuple[Annotated[str, ALARM_NAME], ...] = ()
    """Names of other alarms in the stage's account and region that let no release begin while they fire."""
    roll_back: bool | None = None
    """Redeploy the last revision that succeeded when the stage fails. CodePipeline can do so only if the pipeline's
    structure has not changed since, and never in PARALLEL mode."""
    approval_timeout_minutes: Annotated[int, Between(5, 86_400)] | None = None
    """How long an approval waits before it counts as a no. None: CodePipeline's seven days."""


def validate_release(release: Release) -> Iterator[InvalidSetting]:
    """Yield what annotations cannot say of a release whose fields are valid one by one."""
    if isinstance(release.traffic, Linear):
        yield from _too_slow(release.traffic)
    if release.window is not None:
        yield from _unknown_zone(release.window.zone, "release.window.zone")
        if not release_times.is_written_as_hours(release.window.hours):
            allowed = f"hours that last; {HOURS.allowed}"
            yield InvalidSetting(field="release.window.hours", given=repr(release.window.hours), allowed=allowed)
    for position, freeze in enumerate(release.freeze):
        field = f"release.freeze[{position}]"
        unknown = list(_unknown_zone(freeze.zone, f"{field}.zone"))
        yield from unknown or _invalid_freeze(freeze, field)


def _too_slow(traffic: Linear) -> Iterator[InvalidSetting]:
    lasts = (math.ceil(100 / traffic.percent) - 1) * traffic.minutes
    if lasts > LONGEST_SHIFT_MINUTES:
        allowed = (
            f"larger or faster steps: {traffic.percent} percent each {traffic.minutes} minutes last {lasts:,} minutes,"
            f" and CodeDeploy shifts for {LONGEST_SHIFT_MINUTES:,} at most"
        )
        yield InvalidSetting(field="release.traffic.minutes", given=str(traffic.minutes), allowed=allowed)


def _unknown_zone(zone: str, field: str) -> Iterator[InvalidSetting]:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = suggestion(zone, sorted(available_timezones()))
        yield InvalidSetting(field=field, given=repr(zone), allowed=f"a time zone that exists{close}")


def _invalid_freeze(freeze: Freeze, field: str) -> Iterator[InvalidSetting]:
    for name in ("begins", "ends"):
        value: str = getattr(freeze, name)
        try:
            release_times.freeze_span(value, value, freeze.zone)
        except ValueError:
            yield InvalidSetting(field=f"{field}.{name}", given=repr(value), allowed="a date that exists")
            return
    span = release_times.freeze_span(freeze.begins, freeze.ends, freeze.zone)
    if span.begins >= span.ends:
        yield InvalidSetting(
            field=f"{field}.ends", given=repr(freeze.ends), allowed=f"a moment after it begins, {freeze.begins}"
        )
