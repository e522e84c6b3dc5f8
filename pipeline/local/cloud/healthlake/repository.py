"""The resources of one datastore, every version of each, and which of them its search index knows by now."""

import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from pipeline.local.cloud.healthlake.document import parse
from pipeline.local.cloud.healthlake.values import Json, Parameter, values

Version = tuple[int, float, str, str | None]
"""Number, when it was written (seconds from 1970), by which method, and its text; None where it was deleted."""
Key = tuple[str, str]
"""Resource type and id."""


class Resources(dict[Key, tuple[Version, ...]]):
    """All versions of all resources, the newest last. Its values never change, so a copy may share them."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy quickly: a snapshot does it while nothing else runs, and there may be 10,000 resources."""
        del memo
        return type(self)(self)


def instant(written: float) -> str:
    """Return a time as `meta.lastUpdated` has it."""
    return datetime.fromtimestamp(written, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(kw_only=True, eq=False)
class Indexed:
    """One version as the search index holds it; what parameters find in it is looked up once."""

    id: str
    text: str
    written: float
    _resource: Json | None = None
    _found: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def resource(self) -> Json:
        """The document."""
        if self._resource is None:
            self._resource = parse(self.text)
        return self._resource

    def values(self, parameter: Parameter) -> list[Any]:
        """Return what it has for a search parameter."""
        if parameter.name not in self._found:
            self._found[parameter.name] = values(self.resource, parameter)
        return self._found[parameter.name]


@dataclass(kw_only=True)
class Repository:
    """One datastore. `lag` says how many seconds the index is behind."""

    resources: MutableMapping[Key, tuple[Version, ...]]
    lag: Callable[[], float] = lambda: 0.0
    now: Callable[[], float] = time.time
    _index: dict[str, dict[str, Indexed]] = field(default_factory=dict)
    """By type and id, the newest version of each."""

    def __post_init__(self) -> None:
        """Index what there is."""
        for key, versions in self.resources.items():
            self._enter(key, versions[-1])

    def versions(self, key: Key) -> tuple[Version, ...]:
        """Return every version, the oldest first; none if there never was one."""
        return self.resources.get(key, ())

    def write(self, key: Key, method: str, make: Callable[[int, str], str] | None) -> Version:
        """Add a version: `make(number, time)` gives its text; None deletes."""
        before = self.versions(key)
        number = before[-1][0] + 1 if before else 1
        # Later than the one before, also where the clock is not.
        written = max(round(self.now(), 3), before[-1][1] + 0.001 if before else 0.0)
        version: Version = (number, written, method, make(number, instant(written)) if make else None)
        self.resources[key] = (*before, version)
        self._enter(key, version)
        return version

    def restore(self, key: Key, versions: tuple[Version, ...]) -> None:
        """Take back what was written since it had these versions."""
        if versions:
            self.resources[key] = versions
            self._enter(key, versions[-1])
        else:
            self.resources.pop(key, None)
            self._index.get(key[0], {}).pop(key[1], None)

    def indexed(self, resource_type: str, *, strong: bool = False) -> Iterator[Indexed]:
        """Return what a search goes through.

        "With eventual consistency, if there is a pending search index update for a resource, the search results exclude
        version N-1 of the resource until the index update completes. [...] Strong Consistency will allow the N-1
        version": https://docs.aws.amazon.com/healthlake/latest/devguide/searching-fhir-consistency-levels.html
        """
        known_until = self.now() - self.lag()
        for each in self._index.get(resource_type, {}).values():
            if each.written <= known_until:
                if each.text:
                    yield each
            elif strong:
                before = self._before((resource_type, each.id), known_until)
                if before is not None:
                    yield before

    def current(self, key: Key) -> Indexed | None:
        """Return the newest version, whatever the index knows."""
        found = self._index.get(key[0], {}).get(key[1])
        return found if found is not None and found.text else None

    def _before(self, key: Key, known_until: float) -> Indexed | None:
        for _, written, _, text in reversed(self.versions(key)):
            if written <= known_until:
                return Indexed(id=key[1], text=text, written=written) if text else None
        return None

    def _enter(self, key: Key, version: Version) -> None:
        _, written, _, text = version
        self._index.setdefault(key[0], {})[key[1]] = Indexed(id=key[1], text=text or "", written=written)
