"""Exports that others still import: CloudFormation refuses to remove or change those."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.review.model import Json, StackLocation
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.values import is_same


@dataclass(kw_only=True)
class Exports:
    """What one side's stacks offer to each other, collected as they are read. Exports live in an account and region."""

    offered: dict[tuple[str, str, str], tuple[StackLocation, Json]] = field(default_factory=dict)
    """(account, region, export) -> whose it is, and its value."""
    wanted: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    """(account, region, export) -> the stacks that import it."""

    def add(self, place: StackLocation, template: ResolvedTemplate) -> None:
        """Take in one stack."""
        where = template.account, template.region
        for export, key in template.exports.items():
            self.offered[(*where, export)] = place, template.outputs[key].get("Value")
        for export in template.imports:
            self.wanted.setdefault((*where, export), []).append(place.stack)


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenExport:
    """An export that goes or changes."""

    place: StackLocation
    export: str
    importers: tuple[str, ...]
    """Stacks that import it; empty if none of the assembly does."""
    removed: bool
    still_wanted: bool
    """Whether the head side imports it, too: then the importer cannot be deployed at all."""


def broken(before: Exports, after: Exports) -> Iterator[BrokenExport]:
    """Yield each export of the base side that is gone, or has another value while somebody imports it."""
    for key, (place, value) in before.offered.items():
        removed = key not in after.offered
        deployed, wanted = before.wanted.get(key, []), after.wanted.get(key, [])
        if removed or (deployed and not is_same(value, after.offered[key][1])):
            yield BrokenExport(
                place=place,
                export=key[2],
                importers=tuple(sorted({*deployed, *wanted})),
                removed=removed,
                still_wanted=bool(wanted),
            )
