"""Replacements that follow from others: a new resource has a new name, and whoever refers to it sees that."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipeline.review.diff import stateful
from pipeline.review.diff.compare import Difference
from pipeline.review.diff.replacement import impact
from pipeline.review.model import Json, PropertyChange, ResourceChange, ResourceOutcome
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import references

Moved = Mapping[str, ResourceOutcome]


def cascade(
    rows: Mapping[str, ResourceChange], before: ResolvedTemplate, after: ResolvedTemplate, moved: Moved
) -> list[ResourceChange]:
    """Add the replacements that follow. A chain ends at a reference in a property that is updated in place."""
    found = dict(rows)
    queue = deque((name, outcome) for name, outcome in moved.items())
    queue.extend((row.logical_id, row.outcome) for row in rows.values() if _moves(row.outcome))
    if not queue:
        return list(found.values())
    texts = {logical_id: _text(resource) for logical_id, resource in after.resources.items()}
    done: set[tuple[str, ResourceOutcome]] = set()
    while queue:
        cause = queue.popleft()
        if cause in done:
            continue
        done.add(cause)
        for logical_id in [name for name, text in texts.items() if cause[0] in text]:
            old, new = before.resources.get(logical_id), after.resources[logical_id]
            if old is None or old.type != new.type:
                continue
            row = _followed(found.get(logical_id), old, new, cause)
            if row is not None and row != found.get(logical_id):
                found[logical_id] = row
                queue.append((logical_id, row.outcome))
    return list(found.values())


def _followed(
    row: ResourceChange | None, old: Resource, new: Resource, cause: tuple[str, ResourceOutcome]
) -> ResourceChange | None:
    """The row with the properties that refer to the cause, if they replace the resource."""
    known = {each.path for each in row.properties} if row else set()
    added = []
    for path, value in _places(new.properties):
        if ".".join(path) in known or all(name != cause[0] for name, _ in references(value)):
            continue
        judged = impact(new.type, Difference(path=path, old=value, new=value))
        if not _moves(judged.outcome) or judged.unknown:
            continue
        sure = judged.outcome is ResourceOutcome.REPLACE and cause[1] is ResourceOutcome.REPLACE
        added.append(
            PropertyChange(
                path=".".join(path),
                old=value,
                new=value,
                impact=ResourceOutcome.REPLACE if sure else ResourceOutcome.MAY_REPLACE,
                sources=(*judged.sources, f"refers to {cause[0]}, which {_is_replaced(cause[1])}"),
            )
        )
    if not added:
        return None
    base = row or ResourceChange(logical_id=new.logical_id, path=new.path, type=new.type, outcome=ResourceOutcome.NONE)
    outcome = max([base.outcome, *(each.impact for each in added)], key=lambda each: each.rank)
    return replace(
        base,
        outcome=outcome,
        data_loss=base.data_loss or stateful.lost_by_replacement(old, new),
        unknown_data=base.unknown_data or stateful.goes_unknown(old, new),
        noise="",
        properties=(*base.properties, *added),
        cause=base.cause or cause[0],
    )


def _moves(outcome: ResourceOutcome) -> bool:
    return outcome in {ResourceOutcome.REPLACE, ResourceOutcome.MAY_REPLACE}


def _is_replaced(outcome: ResourceOutcome) -> str:
    return "is replaced" if outcome is ResourceOutcome.REPLACE else "may be replaced"


def _text(resource: Resource) -> str:
    """Return text in which whatever a resource refers to is named: soon made, and most resources refer to little."""
    return repr(resource.properties)


def _places(properties: Mapping[str, Json]) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Each property with its value: deep enough for every flag of the sources, and no deeper."""
    for name, value in properties.items():
        yield from _below((name,), value)


def _below(path: tuple[str, ...], value: Json) -> Iterator[tuple[tuple[str, ...], Json]]:
    if isinstance(value, dict) and not any(key.startswith(("Fn::", "Ref")) for key in value):
        for key, each in value.items():
            yield from _below((*path, key), each)
    elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
        for each in value:
            yield from _below(path, each)
    else:
        yield path, value
