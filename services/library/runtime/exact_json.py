"""JSON in and out as it was written: a measurement of 1.50 is not one of 1.5, and 1e400 is a number.

NaN and Infinity are no JSON, though Python reads and writes them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

LONGEST_INTEGER = 1_000
"""In digits, for an `int`: Python converts 4,300 at most, and takes longer the more there are."""
_SPACE = re.compile(r"[ \t\r\n]*")
_HALF = re.compile("[\ud800-\udfff]")


class Number(Decimal):
    """A number with the text that it was written as. One that no Decimal can hold has the value NaN, and its text."""

    text: str

    def __new__(cls, text: str) -> "Number":
        """Keep the text beside its value."""
        try:
            number = super().__new__(cls, text)
        except ArithmeticError:
            number = super().__new__(cls, "NaN")
        number.text = text
        return number


def read(text: bytes | str) -> Any:
    """Parse UTF-8. Numbers write themselves as they came. Raises ValueError, which quotes nothing, if nested too deep.

    Integers become `int` where that is the same text, and all other numbers `Number`.
    """
    failed = False
    try:
        return _READER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except (ValueError, RecursionError):
        failed = True
    # Outside of the handler: the cause would quote the text.
    assert failed  # noqa: S101 - there is no other way to get here
    raise ValueError("not JSON")


def members(text: str) -> dict[str, str]:
    """Return the members of an object, each value as it is written; of several with one name the last counts.

    Raises ValueError, which quotes nothing.
    """
    failed = False
    try:
        return dict(_members(text))
    except (ValueError, RecursionError):
        failed = True
    assert failed  # noqa: S101 - as above
    raise ValueError("not a JSON object")


def write(value: Any) -> str:
    """Serialize what `read` returned. Raises ValueError if it is nested deeper than Python can follow."""
    try:
        return _written(value)
    except RecursionError:
        failed = True
    assert failed  # noqa: S101 - as above
    raise ValueError("nested too deep")


def canonical(value: Any) -> str:
    """Return one text for equal values: members sorted, in ASCII, and numbers equal if their digits are.

    Raises ValueError if it is nested deeper than Python can follow.
    """
    try:
        return _canonical(value)
    except RecursionError:
        failed = True
    assert failed  # noqa: S101 - as above
    raise ValueError("nested too deep")


def _canonical(value: Any) -> str:
    match value:
        case Number():
            return value.text if value.is_nan() else str(value)
        case Mapping():
            return "{" + ",".join(f"{json.dumps(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(_canonical, value)) + "]"
        case _:
            return json.dumps(value, allow_nan=False)


def _written(value: Any) -> str:
    match value:
        case Number():
            return value.text
        case str():
            return _string(value)
        case Mapping():
            return "{" + ",".join(f"{_string(str(key))}:{_written(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_written, value)) + "]"
        case _:
            return json.dumps(value, allow_nan=False)


def _string(value: str) -> str:
    """Write a string as it is; half of a character, which UTF-8 cannot hold, stays an escape."""
    return json.dumps(value, ensure_ascii=_HALF.search(value) is not None)


def _members(text: str) -> Iterator[tuple[str, str]]:
    position = _after(text, 0, "{")
    if text.startswith("}", position):
        _end(text, position)
        return
    while True:
        if not text.startswith('"', position):
            raise ValueError
        name, position = _SCANNER.raw_decode(text, position)
        start = _after(text, position, ":")
        _, position = _SCANNER.raw_decode(text, start)
        yield name, text[start:position]
        position = _skip(text, position)
        if text.startswith("}", position):
            _end(text, position)
            return
        position = _after(text, position, ",")


def _end(text: str, position: int) -> None:
    if _skip(text, position + 1) != len(text):
        raise ValueError


def _after(text: str, position: int, sign: str) -> int:
    """Return where the next thing begins behind a sign that has to be here, spaces apart."""
    position = _skip(text, position)
    if not text.startswith(sign, position):
        raise ValueError
    return _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _integer(text: str) -> int | Number:
    return Number(text) if text == "-0" or len(text) > LONGEST_INTEGER else int(text)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


_READER = json.JSONDecoder(parse_float=Number, parse_int=_integer, parse_constant=_refuse)
_SCANNER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)
