"""JSON in and out with every number's digits as they came: a measurement of 1.50 is not one of 1.5."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def read(text: bytes | str) -> Any:
    """Parse; decimals become `Decimal`. Raises ValueError, whose text quotes nothing; too deep nesting is one, too."""
    failed = False
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        failed = True
    # Outside of the handler: the cause would quote the text.
    assert failed  # noqa: S101 - there is no other way to get here
    raise ValueError("not JSON")


def write(value: Any) -> str:
    """Serialize what `read` returned. Raises ValueError if it is nested deeper than Python can follow."""
    try:
        return _written(value)
    except RecursionError:
        failed = True
    assert failed  # noqa: S101 - as above
    raise ValueError("nested too deep")


def _written(value: Any) -> str:
    match value:
        case Decimal():
            return str(value)
        case Mapping():
            return "{" + ",".join(f"{json.dumps(str(key))}:{_written(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_written, value)) + "]"
        case _:
            return json.dumps(value, allow_nan=False)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
