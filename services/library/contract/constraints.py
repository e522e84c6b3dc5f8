"""Constraints on the fields of a stage entry, written at the field: `rate_limit: Annotated[int, Between(1, 10_000)]`.

mypy checks the type at the line where a team wrote it. What a type cannot say stands in the annotation, and
`validate_fields` checks both at run time, because stage files are also written by people who do not run mypy.
"""

import dataclasses
import difflib
import re
import types
import typing
import weakref
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
        """Say which values are allowed."""
        return f"{self.low} to {self.high}{f': {self.why}' if self.why else ''}"

    def allows(self, value: Any) -> bool:
        """Return whether the value lies within both bounds."""
        return self.low <= value <= self.high  # type: ignore[no-any-return] # numbers, as the type before it says


@dataclass(frozen=True, slots=True)
class Matches:
    """A text of this form, whole."""

    pattern: str
    allowed: str
    """Says which texts are allowed."""

    def allows(self, value: Any) -> bool:
        """Return whether the whole text matches the pattern."""
        return re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these texts."""

    values: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """Say which texts are allowed."""
        return f"one of {', '.join(self.values)}"

    def allows(self, value: Any) -> bool:
        """Return whether the value is one of the texts."""
        return value in self.values


@dataclass(frozen=True, slots=True)
class Items:
    """A collection with a number of items within both bounds."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """Say how many items are allowed."""
        return f"{self.least} to {self.most} of them"

    def allows(self, value: Any) -> bool:
        """Return whether the number of items lies within both bounds."""
        return self.least <= len(value) <= self.most


Constraint = Between | Matches | OneOf | Items


@dataclass(frozen=True, kw_only=True, slots=True)
class InvalidSetting:
    """A field's value that its annotation, or the service, does not allow."""

    field: str
    """As it would be written in Python: `rate_limit`, `after[0].path`."""
    given: str
    allowed: str

    @property
    def sentence(self) -> str:
        """Say what was given and what is allowed."""
        return f"{self.field}={self.given} is not allowed; give {self.allowed}."


def validate_fields(value: Any) -> Iterator[InvalidSetting]:
    """Yield each field of a dataclass instance that its annotation does not allow, fields of fields included."""
    hints = field_types(type(value))
    for field in dataclasses.fields(value):
        yield from validate_value(getattr(value, field.name), hints[field.name], field.name)


def require_valid(settings: Any, who: str = "") -> None:
    """Raise ValueError for the first field of a construct's settings that its annotation does not allow."""
    for found in validate_fields(settings):
        raise ValueError(f"{who or type(settings).__name__}: {found.sentence}")


def field_types(class_: type) -> Mapping[str, Any]:
    """Return the annotation of each field of a class, with inherited fields and class variables."""
    if class_ not in _FIELD_TYPES:
        _FIELD_TYPES[class_] = types.MappingProxyType(typing.get_type_hints(class_, include_extras=True))
    return _FIELD_TYPES[class_]


def validate_value(value: Any, hint: Any, field: str) -> Iterator[InvalidSetting]:
    """Yield what one annotation does not allow of one value."""
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is Annotated:
        yield from _validate_annotated(value, arguments, field)
    elif origin is ClassVar:
        yield from validate_value(value, arguments[0], field)
    elif origin in (Union, types.UnionType):
        yield from _validate_union(value, arguments, field)
    elif not _has_type(value, hint):
        yield InvalidSetting(field=field, given=_short_repr(value), allowed=describe(hint))
    else:
        yield from _validate_contents(value, origin, arguments, field)


def describe(hint: Any) -> str:
    """Say which values an annotation allows."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        constraints = [each.allowed for each in arguments[1:] if isinstance(each, Constraint)]
        return ", ".join([describe(arguments[0]), *constraints])
    if origin in (Union, types.UnionType):
        return " or ".join(map(describe, arguments))
    if origin is tuple and arguments:
        return f"a tuple of {' and '.join(describe(each) for each in arguments if each is not ...)}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of {describe(arguments[0])} to {describe(arguments[1])}"
    plain = origin or hint
    if isinstance(plain, type) and issubclass(plain, Enum):
        return " or ".join(f"{plain.__name__}.{each.name}" for each in plain)
    return _PLAIN.get(plain, getattr(plain, "__name__", str(plain)))


def suggestion(given: str, allowed: Collection[str]) -> str:
    """Return ` (did you mean ...?)` if an allowed name is close to what was given, and an empty text otherwise."""
    close = difflib.get_close_matches(given, allowed, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


_FIELD_TYPES: weakref.WeakKeyDictionary[type, Mapping[str, Any]] = weakref.WeakKeyDictionary()
"""Computed once: a synth asks for each service in each stage."""
_PLAIN: Mapping[Any, str] = {
    str: "a text",
    int: "a whole number",
    bool: "True or False",
    float: "a number",
    types.NoneType: "None",
}


def _validate_contents(value: Any, origin: Any, arguments: tuple[Any, ...], field: str) -> Iterator[InvalidSetting]:
    """Yield what is not allowed inside a value that has the right type itself."""
    if origin is tuple:
        # tuple[X, ...] is any number of X; tuple[X, Y] one of each.
        each_hint = arguments[:1] * len(value) if arguments[-1:] == (...,) else arguments
        if len(each_hint) != len(value):
            yield InvalidSetting(field=field, given=_short_repr(value), allowed=f"{len(each_hint)} of them")
            return
        for position, (each, hint) in enumerate(zip(value, each_hint, strict=True)):
            yield from validate_value(each, hint, f"{field}[{position}]")
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        for key, each in value.items():
            for found in validate_value(key, arguments[0], field):
                yield dataclasses.replace(found, given=f"{{{found.given}: ...}}", allowed=f"keys: {found.allowed}")
            yield from validate_value(each, arguments[1], f"{field}[{key!r}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for found in validate_fields(value):
            yield dataclasses.replace(found, field=f"{field}.{found.field}")


def _validate_annotated(value: Any, arguments: tuple[Any, ...], field: str) -> Iterator[InvalidSetting]:
    base, *constraints = arguments
    found = list(validate_value(value, base, field))
    yield from found
    if not found and value is not None:  # a base type that allows None has no constraint on it
        for each in constraints:
            if isinstance(each, Constraint) and not each.allows(value):
                yield InvalidSetting(field=field, given=_short_repr(value), allowed=each.allowed)


def _validate_union(value: Any, arguments: tuple[Any, ...], field: str) -> Iterator[InvalidSetting]:
    """Yield what the member of a union whose type the value has does not allow; the whole union if none has it."""
    each_finds = [list(validate_value(value, each, field)) for each in arguments]
    if not all(each_finds):
        return
    meant = [found for found, each in zip(each_finds, arguments, strict=True) if _has_type(value, _base(each))]
    if meant:
        yield from meant[0]
    else:
        yield InvalidSetting(
            field=field, given=_short_repr(value), allowed=" or ".join(describe(each) for each in arguments)
        )


def _base(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _has_type(value: Any, hint: Any) -> bool:
    """Return whether a value has a type, without looking at what it contains."""
    plain = typing.get_origin(hint) or hint
    if plain is Any or isinstance(plain, TypeVar):
        return True
    if plain in (int, float) and isinstance(value, bool):
        return False  # Python counts a bool as a number
    if plain is float:
        return isinstance(value, int | float)
    if getattr(plain, "_is_protocol", False):
        return callable(value)
    return isinstance(value, plain) if isinstance(plain, type) else True


def _short_repr(value: Any) -> str:
    text = f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
