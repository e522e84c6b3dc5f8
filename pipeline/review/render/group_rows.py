"""Rows for people: the same change in several environments is one, with each environment's values.

Every change is in exactly one row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.review.model import Json, PropertyChange, ResourceChange, ResourceOutcome
from pipeline.review.render.compared import Part, parts
from services.library.cloudformation.values import is_same


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """What a property was and becomes, in the stages where it is the same."""

    stages: tuple[str, ...]
    old: Json
    new: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class RowProperty:
    """One property of a row."""

    path: str
    """With the keys of lists' entries, as in `Stages[prod]`."""
    impact: ResourceOutcome
    sources: tuple[str, ...]
    values: tuple[Values, ...]
    """One for all stages if they agree."""
    entries: int = 1
    """In how many entries of a list it is the same; more than one is one line for all of them."""

    @property
    def parts(self) -> tuple[tuple[tuple[str, ...], Part], ...]:
        """Return what differs within it, each with its stages; none are named if it is the same in all of them."""
        every = tuple(stage for values in self.values for stage in values.stages)
        found: list[tuple[tuple[str, ...], Part]] = []
        for values in self.values:
            for part in parts(values.old, values.new):
                at = next((at for at, (_, other) in enumerate(found) if other == part), None)
                if at is None:
                    found.append((values.stages, part))
                else:
                    found[at] = (*found[at][0], *values.stages), part
        return tuple(((), part) if len(stages) == len(every) else (stages, part) for stages, part in found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One change as it happens in one or several stages."""

    changes: tuple[ResourceChange, ...]

    @property
    def first(self) -> ResourceChange:
        """Return what all of them share: service, path, type, outcome and flags."""
        return self.changes[0]

    @property
    def stages(self) -> tuple[str, ...]:
        """Return where it happens, in promotion order."""
        return tuple(dict.fromkeys(change.stage for change in self.changes))

    @property
    def properties(self) -> tuple[RowProperty, ...]:
        """Return the properties with the values of each stage."""
        return _merged(
            (
                each,
                RowProperty(
                    path=each.keyed_path or each.path,
                    impact=each.impact,
                    sources=each.sources,
                    values=_values([(change.stage, change.properties[index]) for change in self.changes]),
                ),
            )
            for index, each in enumerate(self.first.properties)
        )


def group_rows(changes: Iterable[ResourceChange]) -> tuple[Row, ...]:
    """Make rows in the order of their first change. What points at another environment stays apart."""
    groups: dict[object, list[ResourceChange]] = {}
    for change in changes:
        groups.setdefault(_shared(change), []).append(change)
    return tuple(Row(changes=tuple(group)) for group in groups.values())


def _shared(change: ResourceChange) -> object:
    """What must be equal for two changes to be one row: everything but where, and which values."""
    nested = change.stack.partition("/")[2]
    return (
        change.service,
        nested,
        change.logical_id,
        change.path,
        change.type,
        change.outcome,
        change.data_loss,
        change.unknown_data,
        change.is_protected,
        change.guard_dropped,
        change.ending_data,
        change.noise,
        change.paired_with,
        change.cause,
        change.points_at,
        tuple((each.path, each.keyed_path, each.impact, each.sources) for each in change.properties),
    )


def _merged(properties: Iterable[tuple[PropertyChange, RowProperty]]) -> tuple[RowProperty, ...]:
    """The properties; what changes alike in several entries of a list, such as actions that move up, once."""
    found: dict[object, RowProperty] = {}
    for change, each in properties:
        alike = (change.path, each.impact, each.sources, repr(each.values))
        before = found.get(alike)
        path = each.path if before is None else change.path
        found[alike] = replace(each, path=path, entries=before.entries + 1 if before else 1)
    return tuple(found.values())


def _values(properties: Sequence[tuple[str, PropertyChange]]) -> tuple[Values, ...]:
    """The values, those that are the same in several stages once."""
    found: list[Values] = []
    for stage, each in properties:
        index = next(
            (at for at, other in enumerate(found) if is_same(other.old, each.old) and is_same(other.new, each.new)),
            None,
        )
        if index is None:
            found.append(Values(stages=(stage,), old=each.old, new=each.new))
        else:
            found[index] = replace(found[index], stages=(*found[index].stages, stage))
    return tuple(found)
