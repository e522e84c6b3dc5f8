"""Where two resolved values differ, in a way that means something to CloudFormation."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.review.model import Json
from services.library.cloudformation.undecided import branches
from services.library.cloudformation.values import is_function, is_same

KEYS = ("Sid", "Name", "Id", "ID", "Key", "IndexName", "AttributeName", "ActionName", "DeviceName")
"""What a list's entries are known by, where each has its own: the first of these that all of them have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One place. Positions in lists are no part of the path."""

    path: tuple[str, ...]
    old: Json
    new: Json
    keyed_path: tuple[str, ...] = ()
    """The path with the keys of lists' entries, as in `Stages[prod]`."""


def differences(
    old: Json, new: Json, path: tuple[str, ...] = (), keyed_path: tuple[str, ...] = ()
) -> Iterator[Difference]:
    """Yield each place in which two values differ, as deep as both are made of named parts."""
    if is_same(old, new):
        return
    if is_named_parts(old) and is_named_parts(new):
        for key in {**old, **new}:
            yield from differences(old.get(key), new.get(key), (*path, key), (*keyed_path, key))
    elif _is_list_of_parts(old) and _is_list_of_parts(new):
        yield from _in_lists(old, new, path, keyed_path)
    else:
        yield Difference(path=path, old=old, new=new, keyed_path=keyed_path)


def leaves(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each leaf below a value, through undecided conditions."""
    if alternatives := branches(value):
        for branch in alternatives:
            yield from leaves(branch, path)
    elif is_named_parts(value) and value:
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif _is_list_of_parts(value):
        for each in value:
            yield from leaves(each, path)
    else:
        yield path


def is_named_parts(value: Json) -> bool:
    """Return whether a value can be compared part by part; a policy cannot, for its parts mean nothing alone."""
    return isinstance(value, dict) and not is_function(value) and "Statement" not in value


def _is_list_of_parts(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_named_parts, value))


def _in_lists(
    old: list[Json], new: list[Json], path: tuple[str, ...], keyed_path: tuple[str, ...]
) -> Iterator[Difference]:
    """What is in both is no difference wherever it stands; the rest is compared by its keys, or else in order."""
    left = [each for each in old if not any(is_same(each, other) for other in new)]
    right = [each for each in new if not any(is_same(each, other) for other in old)]
    if not left and not right:
        # Another order, or one more of the same.
        yield Difference(path=path, old=old, new=new, keyed_path=keyed_path)
        return
    name = key_of(old, new)
    for before, after in _paired(left, right, name):
        labels = keyed_path
        kept = {str(each[name]) for each in (before, after) if each is not None} if name else set()
        if len(kept) == 1 and keyed_path:
            labels = (*keyed_path[:-1], f"{keyed_path[-1]}[{kept.pop()}]")
        if before is None or after is None:
            yield Difference(path=path, old=before, new=after, keyed_path=labels)
        else:
            yield from differences(before, after, path, labels)


def key_of(*sides: Sequence[Json]) -> str:
    """Return the property by which the entries of each list are told apart; empty if there is none."""
    return next((name for name in KEYS if all(_is_key(name, side) for side in sides)), "")


def _is_key(name: str, entries: Sequence[Json]) -> bool:
    values = [each.get(name) for each in entries]
    return all(isinstance(value, str) and value for value in values) and len({*values}) == len(values)


def _paired(left: list[Json], right: list[Json], name: str) -> Iterator[tuple[Json, Json]]:
    """Entries of one key together, and those that only got another key; without keys, all of them in order."""
    if not name:
        yield from itertools.zip_longest(left, right)
        return
    others = {each[name]: each for each in right}
    known = {each[name] for each in left}
    come = [each for each in right if each[name] not in known]
    for entry in left:
        other = others.get(entry[name]) or next((each for each in come if _is_renamed(entry, each, name)), None)
        come = [each for each in come if each is not other]
        yield entry, other
    yield from ((None, each) for each in come)


def _is_renamed(entry: Json, other: Json, name: str) -> bool:
    return is_same({**entry, name: ""}, {**other, name: ""})
