"""Conditions that no template decides: what a resolved value would be, whichever way they turn out."""

import itertools
from collections.abc import Iterable, Iterator, Mapping

from services.library.cloudformation.intrinsics import Resolver
from services.library.cloudformation.values import Value

MOST_UNDECIDED = 4
"""So many conditions are tried in every combination at most."""


def undecided_conditions(value: Value) -> set[str]:
    """Return what the undecided conditions within a resolved value ask."""
    if isinstance(value, Mapping):
        own = {str(value["Fn::If"][0])} if _is_branch(value) else set()
        return own.union(*map(undecided_conditions, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(undecided_conditions, value))
    return set()


def combinations(conditions: Iterable[str]) -> Iterator[Mapping[str, bool]]:
    """Yield every way that these conditions may turn out."""
    ordered = sorted(conditions)
    for answers in itertools.product((True, False), repeat=len(ordered)):
        yield dict(zip(ordered, answers, strict=True))


def decide(value: Value, assumed: Mapping[str, bool]) -> Value:
    """Return a resolved value as it is when its conditions turn out as assumed; None where there would be none."""
    return Resolver(assumed=assumed).plain(value)


def branches(value: Value) -> tuple[Value, ...]:
    """Return what a value is, whichever way its undecided condition turns out; nothing if it depends on none."""
    return tuple(value["Fn::If"][1:]) if isinstance(value, Mapping) and _is_branch(value) else ()


def _is_branch(value: Mapping[str, Value]) -> bool:
    branch = value.get("Fn::If")
    return isinstance(branch, list | tuple) and len(branch) == 3 and isinstance(branch[0], str)
