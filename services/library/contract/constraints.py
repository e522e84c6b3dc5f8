"""What a field of a stage entry may be, written at the field: `rate_limit: Annotated[int, Between(1, 10_000)]`.

mypy checks the type at the line where a team wrote it. What a type cannot say stands in the annotation, and `wrong`
finds both at run time, because stage files are also written by people who do not run mypy.
"""

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, ClassVar, TypeVar, Union


@dataclass(frozen=True, slots=True)
class Between:
    """A number within both bounds."""

    low: int
    high: int
    why: str = ""

    @property
    def allowed(self) -> str:
        """In words."""
        return f"{self.low} to {self.high}{f': {self.why}' if self.why else ''}"

    def holds(self, value: Any) -> bool:
        """Whether it is."""
        return self.low <= value <= self.high  # type: ignore[no-any-return] # numbers, as the type before it says


@dataclass(frozen=True, slots=True)
class Matches:
    """A text of this form, whole."""

    pattern: str
    allowed: str
    """In words."""

    def holds(self, value: Any) -> bool:
        """Whether it has it."""
        return re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these texts."""

    values: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """In words."""
        return f"one of {', '.join(self.values)}"

    def holds(self, value: Any) -> bool:
        """Whether it is."""
        return value in self.values


@dataclass(frozen=True, slots=True)
class Items:
    """At least and at most so many."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """In words."""
        return f"{self.least} to {self.most} of them"

    def holds(self, value: Any) -> bool:
        """Whether there are."""
        return self.least <= len(value) <= self.most


Constraint = Between | Matches | OneOf | Items


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrong:
    """A value that is not allowed."""

    field: str
    """As it would be written in Python: `rate_limit`, `after[0].path`."""
    given: str
    allowed: str

    @property
    def sentence(self) -> str:
        """What to change."""
        return f"{self.field}={self.given} is not allowed; give {self.allowed}."


def wrong(value: Any) -> Iterator[Wrong]:
    """Each field of a dataclass's value that its annotation does not allow, the fields' own fields among them."""
    hints = hints_of(type(value))
    for field in dataclasses.fields(value):
        yield from wrong_for(getattr(value, field.name), hints[field.name], field.name)


def hints_of(class_: type) -> dict[str, Any]:
    """What each field of a class may be, inherited ones and those of the class itself among them."""
    return typing.get_type_hints(class_, include_extras=True)


def wrong_for(value: Any, hint: Any, field: str) -> Iterator[Wrong]:
    """What is wrong with one value for one annotation."""
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is Annotated:
        yield from _wrong_annotated(value, arguments, field)
    elif origin is ClassVar:
        yield from wrong_for(value, arguments[0], field)
    elif origin in (Union, types.UnionType):
        yield from _wrong_choice(value, arguments, field)
    elif not _is(value, hint):
        yield Wrong(field=field, given=_shown(value), allowed=in_words(hint))
    else:
        yield from _wrong_inside(value, origin, arguments, field)


def in_words(hint: Any) -> str:
    """What an annotation allows."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        constraints = [each.allowed for each in arguments[1:] if isinstance(each, Constraint)]
        return ", ".join([in_words(arguments[0]), *constraints])
    if origin in (Union, types.UnionType):
        return " or ".join(map(in_words, arguments))
    if origin is tuple and arguments:
        return f"a tuple of {' and '.join(in_words(each) for each in arguments if each is not ...)}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of {in_words(arguments[0])} to {in_words(arguments[1])}"
    plain = origin or hint
    if isinstance(plain, type) and issubclass(plain, Enum):
        return " or ".join(f"{plain.__name__}.{each.name}" for each in plain)
    return _PLAIN.get(plain, getattr(plain, "__name__", str(plain)))


def nearest(given: str, allowed: Collection[str]) -> str:
    """` (did you mean ...?)`, if something allowed is close to what was given."""
    close = difflib.get_close_matches(given, allowed, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


_PLAIN: Mapping[Any, str] = {
    str: "a text",
    int: "a whole number",
    bool: "True or False",
    float: "a number",
    types.NoneType: "None",
}


def _wrong_inside(value: Any, origin: Any, arguments: tuple[Any, ...], field: str) -> Iterator[Wrong]:
    """What is wrong in a value that is itself of the right type."""
    if origin is tuple:
        # tuple[X, ...] is any number of X; tuple[X, Y] one of each.
        each_hint = arguments[:1] * len(value) if arguments[-1:] == (...,) else arguments
        if len(each_hint) != len(value):
            yield Wrong(field=field, given=_shown(value), allowed=f"{len(each_hint)} of them")
            return
        for position, (each, hint) in enumerate(zip(value, each_hint, strict=True)):
            yield from wrong_for(each, hint, f"{field}[{position}]")
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        for key, each in value.items():
            for found in wrong_for(key, arguments[0], field):
                yield dataclasses.replace(found, given=f"{{{found.given}: ...}}", allowed=f"keys: {found.allowed}")
            yield from wrong_for(each, arguments[1], f"{field}[{key!r}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for found in wrong(value):
            yield dataclasses.replace(found, field=f"{field}.{found.field}")


def _wrong_annotated(value: Any, arguments: tuple[Any, ...], field: str) -> Iterator[Wrong]:
    base, *constraints = arguments
    found = list(wrong_for(value, base, field))
    yield from found
    if not found and value is not None:  # which a base that allows it means as it is
        for each in constraints:
            if isinstance(each, Constraint) and not each.holds(value):
                yield Wrong(field=field, given=_shown(value), allowed=each.allowed)


def _wrong_choice(value: Any, arguments: tuple[Any, ...], field: str) -> Iterator[Wrong]:
    """Of the types to choose from, the one that the value is of says what is wrong with it."""
    each_finds = [list(wrong_for(value, each, field)) for each in arguments]
    if not all(each_finds):
        return
    meant = [found for found, each in zip(each_finds, arguments, strict=True) if _is(value, _base(each))]
    if meant:
        yield from meant[0]
    else:
        yield Wrong(field=field, given=_shown(value), allowed=" or ".join(in_words(each) for each in arguments))


def _base(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _is(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, whatever is in it."""
    plain = typing.get_origin(hint) or hint
    if plain is Any or isinstance(plain, TypeVar):
        return True
    if plain in (int, float) and isinstance(value, bool):
        return False  # which Python counts as a number
    if plain is float:
        return isinstance(value, int | float)
    if getattr(plain, "_is_protocol", False):
        return callable(value)
    return isinstance(value, plain) if isinstance(plain, type) else True


def _shown(value: Any) -> str:
    text = f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
