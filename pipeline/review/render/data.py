"""The review as JSON, and back: docs/review-json.md says what each field means.

Reading is strict, because a review that comes from another job's artifact was written by whoever opened the pull
request: every field is there, of its type, and no other; nothing in it is run or looked up.
"""

import dataclasses
import enum
import functools
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from pipeline.review.model import VERSION, Json, Review

LARGEST = 64 * 1024 * 1024
"""Bytes of a review that are read; more is nobody's pull request."""


class ReviewFormatError(ValueError):
    """The text is no review of this version."""


def write(review: Review) -> str:
    """Return the documented JSON, with the same bytes for the same review."""
    return json.dumps(review.to_json(), indent=1, ensure_ascii=True) + "\n"


def read(text: str) -> Review:
    """Return a review from its JSON.

    Raises:
        ReviewFormatError: with the field that is not as documented.
    """
    if len(text) > LARGEST:
        raise ReviewFormatError(f"the review has more than {LARGEST} characters")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReviewFormatError("the review is no JSON") from error
    if not isinstance(given, dict) or given.get("version") != VERSION:
        found = given.get("version") if isinstance(given, dict) else None
        raise ReviewFormatError(f"the review has version {found!r}, and {VERSION} is what can be read")
    review = _read(given, Review, "review")
    assert isinstance(review, Review)  # noqa: S101 - what _read makes of its second argument
    return review


def _read(given: Json, kind: Any, place: str) -> object:
    if kind is Any:
        return given
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(given, list):
            raise ReviewFormatError(f"{place} must be a list")
        return tuple(_read(each, arguments[0], f"{place}[{number}]") for number, each in enumerate(given))
    if origin is types.UnionType:
        return None if given is None else _read(given, arguments[0], place)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _read_object(given, kind, place)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        if given not in [each.value for each in kind]:
            raise ReviewFormatError(f"{place} must be one of {', '.join(each.value for each in kind)}")
        return kind(given)
    if type(given) is not kind:
        raise ReviewFormatError(f"{place} must be of type {kind.__name__}")
    return given


def _read_object(given: Json, kind: type, place: str) -> object:
    fields = _fields(kind)
    if not isinstance(given, Mapping) or set(given) != set(fields):
        raise ReviewFormatError(f"{place} must have the fields {', '.join(fields)}, and no others")
    return kind(**{name: _read(given[name], each, f"{place}.{name}") for name, each in fields.items()})


@functools.cache
def _fields(kind: type) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind)}
