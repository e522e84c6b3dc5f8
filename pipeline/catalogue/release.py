"""What holds for the releases of a stage or wave: of each field the strictest wish among its services, and whose.

What nobody in a stage wishes is as its tier has it, as far as that can hold there: a default refuses nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

from pipeline.catalogue.model import Catalogue, Removal, Stage, Wave
from services.library.contract.constraints import validate_fields
from services.library.contract.defaults import for_environment
from services.library.contract.release import OFF, Bake, Freeze, Release, ReleaseAlarms, Window
from services.library.contract.service import Service
from services.library.contract.steps import Approval

T = TypeVar("T")
OF_A_SERVICE = ("traffic", "alarms")
"""Fields that hold for the service that wishes them; a stage's are for those of its services that wish nothing."""
OF_A_TIER = ("bake", "roll_back")
"""Fields of a whole stage that its tier may have a default for."""


@dataclass(frozen=True, kw_only=True)
class Wish(Generic[T]):
    """A value, and who wishes it."""

    value: T
    stage: Stage
    service: Service[Any] | None = None
    """None: the stage itself, or its tier."""
    is_default: bool = False
    """Whether it is the default of the stage's tier."""

    @property
    def who(self) -> str:
        """Name the service, the stage, or the tier."""
        if self.is_default:
            return f"tier {self.stage.environment.tier.value}"
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
    bakes = [replace(each, value=each.value.bake) for each in releases if isinstance(each.value.bake, Bake)]
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


def removed_last(catalogue: Catalogue, removals: Iterable[Removal]) -> list[Removal]:
    """Return the removals before which a person is asked by themselves, in the pipeline's last stage.

    They are of stages that are gone, and of those that ask for an approval, have no services left, and whose entry has
    no gate that asks. Asked within its own stage or wave, a no would be the failure that rolls that one back.
    """
    asked = {
        stage.environment.label: asks_approval(entry) or not stage.asks_approval or bool(stage.services)
        for entry in catalogue
        for stage in entry.stages
    }
    return [each for each in removals if not asked.get(each.shipped.stage, False)]


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
    own = [with_own_release(stage, each) for each in stage.services if isinstance(each, Service)]
    return [
        each for each in own if isinstance(each.release, Release) and isinstance(each.release.alarms, ReleaseAlarms)
    ]


def with_own_release(stage: Stage, service: Service[Any]) -> Service[Any]:
    """Return the service with what its own release lacks of the stage's and the tier's, as far as that is its own."""
    release = service.release or Release()
    if not _is_sound(release):
        return service
    others = [each for each in (stage.release, tier_release(stage)) if _is_sound(each)]
    lacking = {
        name: value
        for name in OF_A_SERVICE
        if getattr(release, name) is None and (value := _first(others, name)) is not None
    }
    return replace(service, release=replace(release, **lacking)) if lacking else service


def tier_release(stage: Stage) -> Release:
    """Return what the tier of a stage wishes; nothing for a branch environment, which has nobody's traffic."""
    return Release() if stage.environment.prefix else for_environment(stage.environment).release


def has_default_alarms(stage: Stage, service: Service[Any]) -> bool:
    """Return whether the release alarms of a service are its tier's wish alone; then it may have nothing to watch."""
    return _first([each for each in (service.release, stage.release) if _is_sound(each)], "alarms") is None


def requests_of(entry: Stage | Wave, stage: Stage) -> dict[str, int]:
    """Return how many requests each service must have had in the bake of its stage or wave, by its name.

    Of one that the tier alone has watched, those that it or its stage asks for: another's wish is not about it.
    """
    strictest = release_of(entry).bake_requests
    said = wishes_for(stage, "bake")

    def requests(service: Service[Any]) -> int:
        if strictest is None or not has_default_alarms(stage, service):
            return 0 if strictest is None else strictest.value
        own = [each.value for each in said if each.service in (None, service)]
        return max((each.requests for each in own if isinstance(each, Bake)), default=0)

    return {each.name: requests(each) for each in stage.services}


def watched_alone(stage: Stage, watched: Collection[str]) -> Stage:
    """Return the stage with release alarms for these services alone, since its others have nothing to be watched by."""
    unwatched = {each.name for each in watched_services(stage)}.difference(watched)
    services = tuple(
        replace(each, release=replace(each.release or Release(), alarms=OFF)) if each.name in unwatched else each
        for each in stage.services
    )
    return replace(stage, services=services)


def wishes_for(stage: Stage, name: str) -> list[Wish[Any]]:
    """Return what a stage and its services say of one field, what switches it off too."""
    said = ((each, getattr(each.value, name)) for each in _said(stage))
    return [replace(each, value=value) for each, value in said if value is not None]


def why_not(entry: Stage | Wave, name: str) -> str | None:
    """Return why a tier's default for a field of a whole stage does not hold there; None if it can."""
    services = [each for stage in entry.stages for each in stage.services if isinstance(each, Service)]
    if name == "bake" and not any(map(watched_services, entry.stages)):
        return "no service has release alarms to watch"
    asking = (each.name for each in services if any(isinstance(step, Approval) for step in _steps(each)))
    if name == "roll_back" and (first := next(asking, None)):
        return f"{first} has an Approval among its steps, to which a no would roll back"
    return None


def _releases(entry: Stage | Wave) -> Iterator[Wish[Any]]:
    for stage in entry.stages:
        yield from _said(stage)
        default = tier_release(stage)
        holds: dict[str, Any] = {
            name: getattr(default, name)
            for name in OF_A_TIER
            if not wishes_for(stage, name) and why_not(entry, name) is None
        }
        yield Wish(value=Release(**holds), stage=stage, is_default=True)


def _said(stage: Stage) -> Iterator[Wish[Any]]:
    if _is_sound(stage.release):
        yield Wish(value=stage.release, stage=stage)
    for service in stage.services:
        if isinstance(service, Service) and _is_sound(service.release):
            yield Wish(value=service.release, stage=stage, service=service)


def _steps(service: Service[Any]) -> Iterator[object]:
    for each in (service.before, service.after):
        if isinstance(each, tuple):
            yield from each


def _first(releases: Sequence[Any], name: str) -> Any:
    """Return a field of the first release that says anything of it; None if none does."""
    return next((value for each in releases if (value := getattr(each, name)) is not None), None)


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
