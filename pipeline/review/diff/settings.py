"""Each setting of a resource by its path, deep enough to be compared alone."""

from collections.abc import Iterator

from pipeline.review.model import Json
from services.library.cloudformation.undecided import branches
from services.library.cloudformation.values import is_function

Setting = tuple[tuple[str, ...], Json]


def after_conditions(value: Json, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield each leaf with its value; a function is a leaf, and of an undecided condition both branches are.

    Positions in lists are no part of a path, so that a path may come more than once.
    """
    if alternatives := branches(value):
        for branch in alternatives:
            yield from after_conditions(branch, path)
    elif isinstance(value, dict) and value and not is_function(value):
        for key, each in value.items():
            yield from after_conditions(each, (*path, key))
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for each in value:
            yield from after_conditions(each, path)
    else:
        yield path, value
