"""What an annotation allows, for shapes of annotations that no setting has yet."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any

import pytest

from services.library.contract.constraints import Between, Items, Matches, OneOf, describe, validate_value


class Colour(Enum):
    RED = "red"


RIGHT: list[tuple[Any, Any]] = [
    ((1, "a"), tuple[int, str]),
    ((), tuple[()]),
    ((1, 2, 3), tuple[int, ...]),
    (None, Annotated[int | None, Between(1, 9)]),
    (3, Annotated[int | None, Between(1, 9)]),
    (len, Callable[[int], bool]),
    ({"a": 1}, Mapping[str, int]),
    (Colour.RED, Colour | None),
    ("a", Annotated[str, OneOf(("a", "b"))]),
    (1.5, float),
]
WRONG: list[tuple[Any, Any, str]] = [
    ((1, 2), tuple[int, str], "f[1]=2 is not allowed; give a text."),
    ((1,), tuple[int, str], "f=(1,) is not allowed; give 2 of them."),
    (5, tuple[int, str], "f=5 is not allowed; give a tuple of a whole number and a text."),
    (10, Annotated[int | None, Between(1, 9)], "f=10 is not allowed; give 1 to 9."),
    (5, Callable[[int], bool], "f=5 is not allowed; give Callable."),
    ({"a": "b"}, Mapping[str, int], "f['a']='b' is not allowed; give a whole number."),
    ("red", Colour, "f='red' is not allowed; give Colour.RED."),
    (True, int, "f=True is not allowed; give a whole number."),
    ((), Annotated[tuple[str, ...], Items(1, 2)], "f=() is not allowed; give 1 to 2 of them."),
    ("B", Annotated[str, Matches("[a-z]", "a small letter")], "f='B' is not allowed; give a small letter."),
]


@pytest.mark.parametrize(("value", "hint"), RIGHT)
def test_validate_value_yields_nothing_for_an_allowed_value(value: Any, hint: Any) -> None:
    assert list(validate_value(value, hint, "f")) == []
    assert describe(hint)


@pytest.mark.parametrize(("value", "hint", "said"), WRONG)
def test_validate_value_yields_a_sentence_for_an_invalid_value(value: Any, hint: Any, said: str) -> None:
    assert [each.sentence for each in validate_value(value, hint, "f")] == [said]
