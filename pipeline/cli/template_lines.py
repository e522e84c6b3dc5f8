"""Templates as the lines that they are written in, each with the path of what it says."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

LEFT_OUT = frozenset({"Metadata"})
"""Sections that only say what the template is made from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of a template, as the CDK writes it."""

    number: int
    path: tuple[str, ...]
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hunk:
    """Lines that differ, next to each other, of one resource, output or parameter."""

    section: str
    name: str
    """Logical id."""
    path: str
    """Of the property, below the logical id."""
    before: tuple[Line, ...]
    after: tuple[Line, ...]
    before_at: int
    after_at: int

    @property
    def diff(self) -> tuple[str, ...]:
        """The hunk as a unified diff has it: with lines of no context, and the numbers of the template's own file."""
        header = f"@@ -{self.before_at},{len(self.before)} +{self.after_at},{len(self.after)} @@ {self.path}".rstrip()
        return (header, *(f"-{line.text}" for line in self.before), *(f"+{line.text}" for line in self.after))


def hunks(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Hunk]:
    """Yield what differs between two templates, in the order of the second."""
    old, new = _blocks(before), _blocks(after)
    for key in [*new, *(key for key in old if key not in new)]:
        left, right = old.get(key, []), new.get(key, [])
        if key[0] in LEFT_OUT or [line.text for line in left] == [line.text for line in right]:
            continue
        yield from _between(key, left, right)


def lines(value: object) -> list[Line]:
    """Return a template's lines."""
    return [
        Line(number=number, path=path, text=text) for number, (path, text) in enumerate(_written(value, (), "", ""), 1)
    ]


def _between(key: tuple[str, str], left: Sequence[Line], right: Sequence[Line]) -> Iterator[Hunk]:
    # The comma at the end says what comes next, and not what the line says.
    old, new = ([line.text.rstrip(",") for line in side] for side in (left, right))
    for kind, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        gone, come = tuple(left[first:last]), tuple(right[start:end])
        path = (come or gone)[0].path
        yield Hunk(
            section=key[0],
            name=key[1],
            path=".".join(path[2:]),
            before=gone,
            after=come,
            before_at=gone[0].number if gone else _next(left, first),
            after_at=come[0].number if come else _next(right, start),
        )


def _next(side: Sequence[Line], index: int) -> int:
    """Return the line before which a side would have what it lacks; 0 if it has nothing of the kind."""
    return side[min(index, len(side) - 1)].number if side else 0


def _blocks(template: Mapping[str, Any]) -> dict[tuple[str, str], list[Line]]:
    """Return (section, logical id) -> its lines."""
    named = (line for line in lines(template) if len(line.path) >= 2)
    return {(key[0], key[1]): list(each) for key, each in groupby(named, key=lambda line: line.path[:2])}


def _written(value: object, path: tuple[str, ...], name: str, end: str) -> Iterator[tuple[tuple[str, ...], str]]:
    indent = " " * len(path)
    if isinstance(value, Mapping) and value:
        yield path, f"{indent}{name}{{"
        for index, (key, part) in enumerate(value.items()):
            comma = "," if index < len(value) - 1 else ""
            yield from _written(part, (*path, key), f"{json.dumps(key, ensure_ascii=False)}: ", comma)
        yield path, f"{indent}}}{end}"
    elif isinstance(value, list) and value:
        yield path, f"{indent}{name}["
        for index, part in enumerate(value):
            yield from _written(part, (*path, str(index)), "", "," if index < len(value) - 1 else "")
        yield path, f"{indent}]{end}"
    else:
        yield path, f"{indent}{name}{json.dumps(value, ensure_ascii=False)}{end}"
