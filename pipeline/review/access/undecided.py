"""Conditions that no template decides: what a policy would be, whichever way they turn out."""

import itertools
from collections.abc import Iterable, Iterator, Mapping

from pipeline.review.model import Json

MOST = 4
NO_VALUE = {"Ref": "AWS::NoValue"}


def names(value: Json) -> set[str]:
    """The undecided conditions within a value."""
    if isinstance(value, Mapping):
        own = {str(value["Fn::If"][0])} if _is_branch(value) else set()
        return own.union(*map(names, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(names, value))
    return set()


def ways(conditions: Iterable[str]) -> Iterator[Mapping[str, bool]]:
    """Every way that these may turn out."""
    ordered = sorted(conditions)
    for answers in itertools.product((True, False), repeat=len(ordered)):
        yield dict(zip(ordered, answers, strict=True))


def decided(value: Json, way: Mapping[str, bool]) -> Json:
    """The value as it is then; None where there would be none."""
    if isinstance(value, Mapping):
        if value == NO_VALUE:
            return None
        if _is_branch(value) and value["Fn::If"][0] in way:
            name, then, otherwise = value["Fn::If"]
            return decided(then if way[name] else otherwise, way)
        parts = {key: decided(part, way) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not None}
    if isinstance(value, list | tuple):
        return [part for part in (decided(each, way) for each in value) if part is not None]
    return value


def _is_branch(value: Mapping[str, Json]) -> bool:
    branch = value.get("Fn::If")
    return isinstance(branch, list | tuple) and len(branch) == 3 and isinstance(branch[0], str)
