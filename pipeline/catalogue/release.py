"""What holds for the releases of a stage or wave: of each field the strictest wish among its services, and whose."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

from pipeline.catalogue.model import Stage, Wave
from services.library.contract.constraints import validate_fields
from services.library.contract.release import Bake, Freeze, Release, Window
from services.library.contract.service import Service

T = TypeVar("T")
OF_A_SERVICE = ("traffic", "alarms")
"""Fields that hold for the service that wishes them; a stage's are for those of its services that wish nothing."""


@dataclass(frozen=True, kw_only=True)
class Wish(Generic[T]):
    """A value, and who wishes it."""

    value: T
    stage: Stage
    service: Service[Any] | None = None
    """None: the stage itself."""

    @property
    def who(self) -> str:
        """Name the service, or the stage."""
        return self.service.name if self.service else f"stage {self.stage.name}"


@dataclass(frozen=True, kw_only=True)
class StageRelease:
    """What holds for all of a stage or wave."""

    roll_back: Wish[bool] | None
    bake_minutes: Wish[int] | None
    bake_requests: Wish[int] | None
    approval_timeout_minutes: Wish[int] | None
    windows: tuple[Wish[Window], ...]
    """All of them must be open."""
    freezes: tuple[Wish[Freeze], ...]
    blockers: tuple[Wish[str], ...]

    @property
    def bake(self) -> Bake | None:
        """The longest bake with the most requests; None without any."""
        if self.bake_minutes is None or self.bake_requests is None:
            return None
        return Bake(minutes=self.bake_minutes.value, requests=self.bake_requests.value)

    @property
    def wishes(self) -> Iterator[tuple[str, Wish[Any]]]:
        """Yield each field and what holds of it."""
        for field in fields(self):
            found = getattr(self, field.name)
            name = {"windows": "window", "freezes": "freeze"}.get(field.name, field.name)
            for wish in found if isinstance(found, tuple) else (found,):
                if wish is not None:
                    yield name, wish


def release_of(entry: Stage | Wave) -> StageRelease:
    """Return what holds for a stage, or for all stages of a wave."""
    releases = [*_releases(entry)]
    bakes = [replace(each, value=each.value.bake) for each in releases if each.value.bake]
    return StageRelease(
        roll_back=_strictest(releases, lambda release: release.roll_back or None, max),
        bake_minutes=_strictest(bakes, lambda bake: bake.minutes, max),
        bake_requests=_strictest(bakes, lambda bake: bake.requests, max),
        approval_timeout_minutes=_strictest(releases, lambda release: release.approval_timeout_minutes, min),
        windows=_distinct(replace(each, value=each.value.window) for each in releases if each.value.window),
        freezes=_distinct(replace(each, value=freeze) for each in releases for freeze in each.value.freeze),
        blockers=_distinct(replace(each, value=name) for each in releases for name in each.value.blockers),
    )


def asks_approval(entry: Stage | Wave) -> bool:
    """Return whether a person must agree to a stage, or to one of a wave's, before the pipeline enters it."""
    return any(stage.asks_approval and stage.services for stage in entry.stages)


def approves_unchanged(entry: Stage | Wave) -> bool:
    """Return whether the pipeline agrees by itself to a run that would change nothing in a stage, or in a wave."""
    asking = [stage for stage in entry.stages if stage.asks_approval and stage.services]
    return bool(asking) and all(stage.approves_unchanged for stage in asking)


def has_gate(entry: Stage | Wave) -> bool:
    """Return whether something must agree before the pipeline enters a stage or wave: a person, a clock, an alarm.

    That is a stage of the pipeline's own: of a stage that may be rolled back, a "no" must not be the failure.
    """
    if not any(stage.services for stage in entry.stages):
        return False
    release = release_of(entry)
    closes = release.windows or release.freezes or release.blockers or any(map(watched_services, entry.stages))
    return asks_approval(entry) or bool(closes)


def bakes(entry: Stage | Wave) -> bool:
    """Return whether a stage or wave is watched after its deployment before the run goes on."""
    return release_of(entry).bake is not None and any(stage.services for stage in entry.stages)


def watched_services(stage: Stage) -> list[Service[Any]]:
    """Return the services of a stage whose releases are watched by an alarm."""
    own = [with_own_release(stage, each) for each in stage.services]
    return [each for each in own if isinstance(each.release, Release) and each.release.alarms is not None]


def with_own_release(stage: Stage, service: Service[Any]) -> Service[Any]:
    """Return the service with what its own release lacks of the stage's, as far as that is about one service."""
    given = {name: getattr(stage.release, name) for name in OF_A_SERVICE if _is_sound(stage.release)}
    release = service.release or Release()
    if not _is_sound(release):
        return service
    lacking = {name: value for name, value in given.items() if value is not None and getattr(release, name) is None}
    return replace(service, release=replace(release, **lacking)) if lacking else service


def _releases(entry: Stage | Wave) -> Iterator[Wish[Any]]:
    for stage in entry.stages:
        if _is_sound(stage.release):
            yield Wish(value=stage.release, stage=stage)
        for service in stage.services:
            if isinstance(service, Service) and _is_sound(service.release):
                yield Wish(value=service.release, stage=stage, service=service)


def _is_sound(release: object) -> bool:
    """Return whether it is a release whose fields can be relied on; a wrong one has a sentence of its own."""
    return isinstance(release, Release) and not any(validate_fields(release))


def _strictest(wishes: list[Wish[Any]], value_of: Callable[[Any], Any], strictest: Callable[..., Any]) -> Any:
    """Return the strictest of what is wished; of equal ones the first."""
    wished = [replace(each, value=value) for each in wishes if (value := value_of(each.value)) is not None]
    return strictest(wished, key=lambda each: each.value, default=None)


def _distinct(wishes: Iterator[Wish[T]]) -> tuple[Wish[T], ...]:
    """Return each value once, with the first who wishes it."""
    found: dict[Any, Wish[T]] = {}
    for each in wishes:
        found.setdefault(each.value, each)
    return tuple(found.values())
