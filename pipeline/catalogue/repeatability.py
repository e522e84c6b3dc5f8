"""Whether the stages are the same each time that they are read: a value by the clock or by chance deploys for ever.

The pipeline updates itself with what differs, and starts its run again.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.catalogue.model import Catalogue, Stage, stages_of
from pipeline.catalogue.problem import Problem
from pipeline.catalogue.source_location import expression_of, problem

PLAIN = (str, int, float, bool, type(None))


def values(catalogue: Catalogue) -> dict[str, str]:
    """Return every plain value of the stages, under its stage's name and the fields that lead to it."""
    return {
        f"{stage.name}:{field}": text for stage in stages_of(catalogue) for field, text in _below(stage, "") if text
    }


def problems_of(catalogue: Catalogue, again: Mapping[str, str]) -> Iterator[Problem]:
    """Yield each value that is another one when it is read again, at its line."""
    now = values(catalogue)
    stages = {stage.name: stage for stage in stages_of(catalogue)}
    for key in sorted(now.keys() | again.keys()):
        if now.get(key) == again.get(key):
            continue
        name, _, field = key.partition(":")
        given = now.get(key, "nothing")
        message = (
            f"{field} is {given:.80} and, when it is read again, {again.get(key, 'nothing'):.80}: each synth would"
            " update the pipeline, which starts its run again, for ever; give a value that depends on the commit alone."
        )
        place = _written(stages[name], field) if name in stages else None
        found = Problem(file="stages/catalogue.py", message=message)
        allowed = "the same value each time"
        yield problem(place, message, field=field, given=given, allowed=allowed) if place else found


def _written(stage: Stage, field: str) -> Any:
    written = expression_of(stage)
    head, _, rest = field.partition("].")
    if not head.startswith("services["):
        return written.field(field)
    entry = written.item("services", int(head.removeprefix("services[")), len(stage.services))
    return entry.field(rest)


def _below(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the plain values below one; of what is neither plain nor data, its type and name alone."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in dataclasses.fields(value):
            yield from _below(getattr(value, each.name), f"{path}.{each.name}".lstrip("."))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _below(each, f"{path}.{key}")
    elif isinstance(value, tuple | list):
        for number, each in enumerate(value):
            yield from _below(each, f"{path}[{number}]")
    elif isinstance(value, PLAIN):
        yield path, repr(value)
    else:
        yield path, getattr(value, "__qualname__", type(value).__qualname__)
