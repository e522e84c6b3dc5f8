"""Where two resolved values differ, in a way that means something to CloudFormation."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.review.model import Json
from services.library.cloudformation.undecided import branches
from services.library.cloudformation.values import is_function, is_same


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One place. Positions in lists are no part of the path."""

    path: tuple[str, ...]
    old: Json
    new: Json


def differences(old: Json, new: Json, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Yield each place in which two values differ, as deep as both are made of named parts."""
    if is_same(old, new):
        return
    if is_named_parts(old) and is_named_parts(new):
        for key in {**old, **new}:
            yield from differences(old.get(key), new.get(key), (*path, key))
    elif _is_list_of_parts(old) and _is_list_of_parts(new):
        yield from _in_lists(old, new, path)
    else:
        yield Difference(path=path, old=old, new=new)


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


def _in_lists(old: list[Json], new: list[Json], path: tuple[str, ...]) -> Iterator[Difference]:
    """What is in both is no difference wherever it stands; the rest is compared in order."""
    left = [each for each in old if not any(is_same(each, other) for other in new)]
    right = [each for each in new if not any(is_same(each, other) for other in old)]
    if not left and not right:
        yield Difference(path=path, old=old, new=new)  # another order, or one more of the same
        return
    for index in range(max(len(left), len(right))):
        if index < len(left) and index < len(right):
            yield from differences(left[index], right[index], path)
        else:
            yield Difference(
                path=path,
                old=left[index] if index < len(left) else None,
                new=right[index] if index < len(right) else None,
            )
