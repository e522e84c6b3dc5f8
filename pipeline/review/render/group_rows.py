"""Rows for people: the same change in several environments is one, with each environment's values.

Nothing is lost: `unfold(fold(changes)) == tuple(changes)`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.review.diff.compare import same
from pipeline.review.model import Change, Json, Outcome, PropertyChange


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
    impact: Outcome
    sources: tuple[str, ...]
    values: tuple[Values, ...]
    """One for all stages if they agree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One change as it happens in one or several stages."""

    changes: tuple[Change, ...]
    positions: tuple[int, ...]
    """Where each stood among all."""

    @property
    def first(self) -> Change:
        """What all of them share: service, path, type, outcome and flags."""
        return self.changes[0]

    @property
    def stages(self) -> tuple[str, ...]:
        """Where it happens, in promotion order."""
        return tuple(dict.fromkeys(change.stage for change in self.changes))

    @property
    def properties(self) -> tuple[RowProperty, ...]:
        """The properties with the values of each stage."""
        return tuple(
            RowProperty(
                path=each.path,
                impact=each.impact,
                sources=each.sources,
                values=_values([(change.stage, change.properties[index]) for change in self.changes]),
            )
            for index, each in enumerate(self.first.properties)
        )


def fold(changes: Sequence[Change]) -> tuple[Row, ...]:
    """Rows in the order of their first change. What points at another environment stays apart."""
    groups: dict[object, list[int]] = {}
    for position, change in enumerate(changes):
        groups.setdefault(_shared(change), []).append(position)
    return tuple(
        Row(changes=tuple(changes[position] for position in positions), positions=tuple(positions))
        for positions in groups.values()
    )


def unfold(rows: Iterable[Row]) -> tuple[Change, ...]:
    """The changes that the rows were made of, in their order."""
    placed = [(position, change) for row in rows for position, change in zip(row.positions, row.changes, strict=True)]
    return tuple(change for _, change in sorted(placed, key=lambda each: each[0]))


def _shared(change: Change) -> object:
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
        change.guard_dropped,
        change.noise,
        change.paired_with,
        change.cause,
        change.points_at,
        tuple((each.path, each.impact, each.sources) for each in change.properties),
    )


def _values(properties: Sequence[tuple[str, PropertyChange]]) -> tuple[Values, ...]:
    """The values, those that are the same in several stages once."""
    found: list[Values] = []
    for stage, each in properties:
        index = next(
            (at for at, other in enumerate(found) if same(other.old, each.old) and same(other.new, each.new)), None
        )
        if index is None:
            found.append(Values(stages=(stage,), old=each.old, new=each.new))
        else:
            found[index] = replace(found[index], stages=(*found[index].stages, stage))
    return tuple(found)
