"""Everything that can be wrong with the catalogue as a whole, found at once and before the CDK sees it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from services.library.environment import NAME
from stages import ledger
from stages.ledger import Tombstone
from stages.model import Catalogue, Shipped, Stage, Wave, stages_of


class InvalidCatalogueError(Exception):
    """The catalogue cannot be built; each problem is one sentence that says where and what."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def check(catalogue: Catalogue, *, shipped: Iterable[Shipped] | None = None, removed: Iterable[Tombstone] = ()) -> None:
    """Raise with every problem of the catalogue, or return. See `problems_of`."""
    if problems := tuple(problems_of(catalogue, shipped=shipped, removed=removed)):
        raise InvalidCatalogueError(problems)


def problems_of(
    catalogue: Catalogue, *, shipped: Iterable[Shipped] | None = None, removed: Iterable[Tombstone] = ()
) -> Iterator[str]:
    """Each problem, in the order of the catalogue; then what does not fit what was shipped, unless that is None."""
    names = [stage.name for stage in stages_of(catalogue)]
    names += [entry.name for entry in catalogue if isinstance(entry, Wave)]
    for name in twice(names):
        yield f"stages/catalogue.py: {name!r} names two stages or waves; give each a name of its own."
    for entry in catalogue:
        if isinstance(entry, Wave):
            yield from problems_of_wave(entry)
    for stage in stages_of(catalogue):
        yield from problems_of_stage(stage)
    if shipped is not None:
        yield from ledger.problems_of(catalogue, shipped, removed)


def problems_of_wave(wave: Wave) -> Iterator[str]:
    """What is wrong with a wave; its name becomes that of a stage of the pipeline."""
    if not NAME.fullmatch(wave.name):
        yield (
            f"stages/catalogue.py: Wave name={wave.name!r} is not allowed;"
            " give 1-16 of a-z, 0-9 and -, starting with a letter."
        )
    if not wave.stages:
        yield f"stages/catalogue.py: wave {wave.name!r} has no stages; list them, or remove it."


def problems_of_stage(stage: Stage) -> Iterator[str]:
    """What is wrong within one stage."""
    where = f"stages/{stage.name}.py"
    for name in twice([service.name for service in stage.services]):
        yield f"{where}: services lists {name!r} twice; a stage deploys a service once."
    offers = {published.name: service.name for service in stage.services for published in service.offers}
    for name in twice([published.name for service in stage.services for published in service.offers]):
        by = ", ".join(service.name for service in stage.services if name in {offer.name for offer in service.offers})
        yield f"{where}: {name!r} is offered twice, by {by}; one service owns a name."
    graph: dict[str, set[str]] = {service.name: set() for service in stage.services}
    for service in stage.services:
        for need in service.needs:
            if need.name in offers:
                graph[service.name].add(offers[need.name])
            else:
                yield (
                    f"{where}: {service.name} needs {need.name!r}, which no service of this stage offers;"
                    f" add the service that does, or remove it from services/{service.name}/service.py needs."
                )
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"{where}: these services need each other in a circle: {' -> '.join(reversed(error.args[1]))}."


def twice(names: list[str]) -> list[str]:
    """The names that stand more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)
