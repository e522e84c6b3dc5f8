"""Everything that can be wrong with the catalogue as a whole, found at once and before the CDK sees it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pipeline.catalogue import ledger
from pipeline.catalogue.entry_validation import is_sound, problems_of_entry, problems_of_service
from pipeline.catalogue.model import Catalogue, Shipped, Stage, Tombstone, Wave, stages_of
from pipeline.catalogue.problem import MistakeError, Problem
from pipeline.catalogue.regions import REGIONS
from pipeline.catalogue.release import release_of, watched_services
from pipeline.catalogue.source_location import CATALOGUE, SourceExpression, expression_of, problem
from services.library.contract import names
from services.library.contract.constraints import field_types, suggestion, validate_fields, validate_value
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import validate_release
from services.library.contract.service import Service
from services.library.contract.steps import Approval

OWN = ("approval", "approves_unchanged", "release")
"""Fields of a stage that are values."""


class InvalidCatalogueError(MistakeError):
    """The catalogue cannot be built; each problem is one sentence that says where and what."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def check(catalogue: Catalogue, *, shipped: Iterable[Shipped] | None = None, removed: Iterable[Tombstone] = ()) -> None:
    """Raise with every problem of the catalogue, or return. See `problems_of`."""
    if problems := tuple(problems_of(catalogue, shipped=shipped, removed=removed)):
        raise InvalidCatalogueError(problems)


def problems_of(
    catalogue: Catalogue,
    *,
    shipped: Iterable[Shipped] | None = None,
    removed: Iterable[Tombstone] = (),
    whole: bool = True,
) -> Iterator[Problem]:
    """Yield each problem, in the order of the catalogue; then what does not fit `shipped`, unless that is None.

    `whole`: whether this is all of the catalogue and in its order, which some checks must know.
    """
    listed = list(_listed(catalogue))
    found = [each for each in listed if isinstance(each, Problem)]
    sound = tuple(each for each in listed if not isinstance(each, Problem))
    stages = tuple(stages_of(sound))
    everything = [service for stage in stages for _, service in _listed_by(stage)]
    for service in dict.fromkeys(type(each) for each in everything if isinstance(each, Service)):
        found += problems_of_service(service)
    yield from found
    yield from _twice_named(sound, stages)
    for entry in sound:
        if isinstance(entry, Wave):
            yield from problems_of_wave(entry)
        yield from _approvals_in_rollbacks(entry)
        yield from _unwatched_bakes(entry)
    for stage in stages:
        yield from problems_of_stage(stage)
        yield from _approving_nothing(stage)
    yield from _clashing(stages)
    if whole:
        yield from _unapproved(sound)
    # What cannot be looked into would count as missing.
    if shipped is not None and whole and not found and all(isinstance(each, Service) for each in everything):
        yield from ledger.problems_of(sound, shipped, removed)


def problems_of_wave(wave: Wave) -> Iterator[Problem]:
    """Yield what is wrong with a wave; its name becomes that of a stage of the pipeline."""
    written = expression_of(wave)
    allowed = names.STAGE.allowed
    if not isinstance(wave.name, str) or not names.STAGE.allows(wave.name):
        message = f"Wave name={wave.name!r} is not allowed; give {allowed}."
        yield problem(written.field("name"), message, field="name", given=repr(wave.name), allowed=allowed)
    elif why := names.reserved_stage(wave.name):
        message = f"Wave name={wave.name!r} is not allowed; {why}."
        yield problem(written.field("name"), message, field="name", given=repr(wave.name), allowed="another name")
    if not wave.stages:
        message = f"wave {wave.name!r} has no stages; list them, or remove it."
        yield problem(written.field("stages"), message, field="stages", given="()", allowed="one stage or more")


def problems_of_stage(stage: Stage) -> Iterator[Problem]:
    """Yield what is wrong within one stage."""
    written = expression_of(stage)
    environment = stage.environment
    yield from _invalid_fields(stage, written)
    if why := names.reserved_stage(environment.name):
        message = f"name={environment.name!r} is not allowed; {why}."
        place = written.field("environment.name")
        yield problem(place, message, field="name", given=repr(environment.name), allowed="another name")
    if environment.region not in REGIONS:
        message = (
            f"region={environment.region!r} is not one that AWS has{suggestion(environment.region, sorted(REGIONS))};"
            " give one such as eu-west-1, us-gov-west-1 or cn-north-1."
        )
        place = written.field("environment.region")
        yield problem(place, message, field="region", given=repr(environment.region), allowed="a region of AWS")
    if environment.traffic is not None:
        message = f"traffic={environment.traffic!r} is not allowed in an Environment; give it in release=Release(...)."
        place = written.field("environment.traffic")
        yield problem(place, message, field="traffic", given=repr(environment.traffic), allowed="a field of Release")
    services = [service for _, service in _entries(stage)]
    for position, service in _entries(stage):
        entry = written.item("services", position, len(stage.services))
        yield from problems_of_entry(service, environment, entry)
    yield from _twice_listed(services, stage, written)
    yield from _needs(services, stage, written)


def twice(names: list[str]) -> list[str]:
    """Return the names that stand more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _listed(catalogue: Catalogue) -> Iterator[Stage | Wave | Problem]:
    """Yield the catalogue's stages and waves that can be looked into, and a problem for each that cannot."""
    for entry in catalogue:
        found = [each for stage in getattr(entry, "stages", (entry,)) for each in _misshapen(stage)]
        yield from found
        if not found:
            yield entry


def _misshapen(stage: Any) -> Iterator[Problem]:
    if not isinstance(stage, Stage):
        message = f"{stage!r:.80} is no stage; list values of Stage and Wave."
        yield Problem(file=CATALOGUE, field="STAGES", given=f"{stage!r:.80}", allowed="Stage or Wave", message=message)
        return
    values: dict[str, Any] = {"environment": stage.environment, "services": stage.services}
    for (field, value), wanted in zip(values.items(), (Environment, tuple), strict=True):
        if not isinstance(value, wanted):
            allowed = {"environment": "an Environment(...)", "services": "a tuple, such as (Intake(),)"}[field]
            message = f"{field}={value!r:.80} is not allowed; give {allowed}."
            place = expression_of(stage).field(field)
            yield problem(place, message, field=field, given=f"{value!r:.80}", allowed=allowed)


def _listed_by(stage: Stage) -> list[tuple[int, Any]]:
    """Return what a stage lists, each with its position; whatever it is."""
    return list(enumerate(stage.services))


def _entries(stage: Stage) -> list[tuple[int, Service[Any]]]:
    """Return the stage's entries that can be looked into, each with its position in the list."""
    return [
        (position, each) for position, each in _listed_by(stage) if isinstance(each, Service) and is_sound(type(each))
    ]


def _twice_named(catalogue: Catalogue, stages: Iterable[Stage]) -> Iterator[Problem]:
    labels = [stage.name for stage in stages] + [entry.label for entry in catalogue if entry.stages != (entry,)]
    for name in twice(labels):
        message = f"{name!r} names two stages or waves; give each a name of its own."
        yield Problem(file=CATALOGUE, field="name", given=repr(name), allowed="a name of its own", message=message)


def _twice_listed(services: list[Service[Any]], stage: Stage, written: SourceExpression) -> Iterator[Problem]:
    for name in twice([service.name for service in services]):
        positions = [number for number, each in enumerate(stage.services) if getattr(each, "name", None) == name]
        again = written.item("services", positions[-1], len(stage.services))
        message = f"services lists {name!r} twice; a stage deploys a service once."
        yield problem(again, message, field="services", given=repr(name), allowed="each service once")


def _needs(services: list[Service[Any]], stage: Stage, written: SourceExpression) -> Iterator[Problem]:
    """Yield names that are offered twice or not at all, and services that wait for each other."""
    offers = {published.name: service.name for service in services for published in service.offers}
    for name in twice([published.name for service in services for published in service.offers]):
        by = ", ".join(service.name for service in services if name in {offer.name for offer in service.offers})
        message = f"{name!r} is offered twice, by {by}; one service owns a name."
        yield problem(written.field("services"), message, field="offers", given=repr(name), allowed="one owner")
    graph: dict[str, set[str]] = {service.name: set() for service in services}
    for service in services:
        entry = written.item("services", stage.services.index(service), len(stage.services))
        for need in service.all_needs:
            if need.name in offers:
                graph[service.name].add(offers[need.name])
                continue
            message = (
                f"{service.name} needs {need.name!r}, which no service of this stage offers;"
                f" add the service that does, or remove it from services/{service.name}/service.py needs."
            )
            allowed = f"one of {', '.join(sorted(offers)) or 'nothing: no service of the stage offers anything'}"
            yield problem(entry, message, field="needs", given=repr(need.name), allowed=allowed)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        message = f"these services need each other in a circle: {circle}."
        yield problem(written.field("services"), message, field="needs", given=circle, allowed="no circle")


def _clashing(stages: Iterable[Stage]) -> Iterator[Problem]:
    """Yield stacks of one name in one account and region: `a-b` in stage `c` is `b` in stage `c-a`."""
    seen: dict[tuple[str, str, str], tuple[Stage, str]] = {}
    for stage in stages:
        for position, service in _entries(stage):
            environment = stage.environment
            stack = service.stack_name(environment)
            key = (environment.account, environment.region, stack)
            other, name = seen.setdefault(key, (stage, service.name))
            if other is not stage:
                message = (
                    f"{service.name} in {environment.label} and {name} in {other.environment.label} both make the stack"
                    f" {stack} in {environment.account}, {environment.region}; rename a stage or its prefix."
                )
                entry = expression_of(stage).item("services", position, len(stage.services))
                yield problem(entry, message, field="name", given=stack, allowed="a stack's name of its own")


def _approvals_in_rollbacks(entry: Stage | Wave) -> Iterator[Problem]:
    """Yield each approval among the steps of services in a stage, or wave, that is rolled back when it fails."""
    listed = [(stage, position, service) for stage in entry.stages for position, service in _entries(stage)]
    if release_of(entry).roll_back is None:
        return
    for stage, position, service in listed:
        written = expression_of(stage).item("services", position, len(stage.services))
        for field, steps in (("before", service.before), ("after", service.after)):
            for number, step in enumerate(steps if isinstance(steps, tuple) else ()):
                if isinstance(step, Approval):
                    at = f"{field}[{number}]"
                    message = (
                        f"{type(service).__name__} {at}=Approval(name={step.name!r}) is not allowed in {entry.label},"
                        " which is rolled back when it fails: a no, or no answer within seven days, would roll it back,"
                        " and the rollback would ask again; give the stage approval=True, which is asked before it."
                    )
                    allowed = "no Approval where roll_back is set"
                    yield problem(written.field(at), message, field=at, given=step.name, allowed=allowed)


def _approving_nothing(stage: Stage) -> Iterator[Problem]:
    """Yield the rule of a stage for an approval that nobody is asked for."""
    if stage.approves_unchanged and not stage.asks_approval:
        message = f"approves_unchanged=True is not allowed: nobody is asked before {stage.name}; leave it out."
        place = expression_of(stage).field("approves_unchanged")
        yield problem(place, message, field="approves_unchanged", given="True", allowed="False, or approval=True")


def _unwatched_bakes(entry: Stage | Wave) -> Iterator[Problem]:
    """Yield the bake of a stage, or wave, in which no service has an alarm to be watched by."""
    wish = release_of(entry).bake_minutes
    sound = [replace(stage, services=tuple(each for _, each in _entries(stage))) for stage in entry.stages]
    if wish is None or any(map(watched_services, sound)):
        return
    written = expression_of(wish.stage)
    if wish.service is not None:
        position = wish.stage.services.index(wish.service)
        written = written.item("services", position, len(wish.stage.services))
    message = (
        f"release.bake is not allowed in {entry.label}, where no service has release.alarms: there is nothing to watch;"
        " give a service alarms=ReleaseAlarms(), or leave bake out."
    )
    place = written.field("release.bake")
    yield problem(place, message, field="release.bake", given=f"{wish.value} minutes", allowed="release.alarms")


def _unapproved(catalogue: Catalogue) -> Iterator[Problem]:
    """Yield the production stage that nobody agrees to: neither at itself nor at a production stage before it.

    A stage without services asks nobody: it has no gate.
    """
    agreed = False
    for entry in catalogue:
        production = [stage for stage in stages_of((entry,)) if stage.environment.tier is Tier.PRODUCTION]
        for stage in production:
            if not agreed and not stage.asks_approval:
                message = (
                    f"approval={stage.approval!r} is not allowed: a person must agree before anything reaches"
                    f" production, and no stage with services before {stage.name} asks one; give True, or leave it out."
                )
                place = expression_of(stage).field("approval")
                yield problem(place, message, field="approval", given=repr(stage.approval), allowed="True or None")
        agreed = agreed or any(stage.asks_approval and stage.services for stage in production)


def _invalid_fields(stage: Stage, written: SourceExpression) -> Iterator[Problem]:
    """Yield what is wrong with the stage's own fields; its services' are their entries'."""
    hints = field_types(Stage)
    own = [each for name in OWN for each in validate_value(getattr(stage, name), hints[name], name)]
    if stage.release is not None and not own:
        own += validate_release(stage.release)
    for each in (*own, *validate_fields(stage.environment)):
        field = each.field if each in own else f"environment.{each.field}"
        yield problem(written.field(field), each.sentence, field=each.field, given=each.given, allowed=each.allowed)
    for position, service in _listed_by(stage):
        if not isinstance(service, Service):
            name = f"{service.__name__}, the class" if isinstance(service, type) else f"{service!r:.80}"
            message = f"services lists {name}; list a service's value, such as Intake()."
            place = written.item("services", position, len(stage.services))
            yield problem(place, message, field="services", given=name, allowed="a service's value")
