"""A stage entry's value as plain data, for the digest of what is made of it."""

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import aws_cdk as cdk

from pipeline.synthesis.content import ROOMS

WRITTEN = bool | int | float | str | bytes | date | datetime | Decimal | range
"""What `repr` says all of."""


class OpaqueValueError(Exception):
    """A value of which nobody can tell whether it is the same as yesterday; the text says which."""


def plain(value: object, module: Callable[[str], str]) -> Any:
    """Return the value as lists, texts and numbers. `module`: the digest of one of our modules, for functions in it.

    Raises OpaqueValueError for what is neither data nor code that can be read.
    """
    if isinstance(value, Enum):
        return [*_named(value, module), value.name]
    if value is None or isinstance(value, WRITTEN):
        return [type(value).__name__, repr(value)]
    if isinstance(value, cdk.Duration):
        return ["Duration", value.to_iso_string()]
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _several(value, module)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: plain(getattr(value, each.name), module) for each in dataclasses.fields(value)}
        return [*_named(value, module), fields]
    return _code(value, module)


def _several(value: Any, module: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return ["mapping", [[plain(key, module), plain(each, module)] for key, each in value.items()]]
    if isinstance(value, list | tuple):
        return ["sequence", [plain(each, module) for each in value]]
    return ["set", sorted((plain(each, module) for each in value), key=repr)]


def _code(value: Any, module: Callable[[str], str]) -> Any:
    """Return a function by its module's content and what it has bound."""
    if isinstance(value, functools.partial):
        bound = [plain(each, module) for each in (value.func, value.args, value.keywords)]
        return ["partial", *bound]
    if isinstance(value, types.MethodType):
        return ["method", plain(value.__self__, module), plain(value.__func__, module)]
    if isinstance(value, types.FunctionType):
        cells = [each.cell_contents for each in value.__closure__ or ()]
        wrapped = getattr(value, "__wrapped__", None)
        held = [plain(each, module) for each in (cells, value.__defaults__, value.__kwdefaults__, wrapped)]
        which = [value.__module__, value.__qualname__, *_place(value.__code__)]
        return ["function", *which, _of(value.__module__, module), held]
    if isinstance(value, types.BuiltinFunctionType) and isinstance(value.__self__, types.ModuleType | None):
        return ["built in", value.__module__, value.__qualname__]
    if isinstance(value, type):
        return ["class", value.__module__, value.__qualname__, _of(value.__module__, module)]
    kind = type(value)
    if callable(value) and kind.__module__.partition(".")[0] in ROOMS and hasattr(value, "__dict__"):
        return ["callable", *_named(value, module), plain(vars(value), module)]
    raise OpaqueValueError(f"{kind.__module__}.{kind.__qualname__} is no data, and no code whose state can be read")


def _place(code: types.CodeType) -> list[Any]:
    """Return which of a module's functions it is: all lambdas of one have the same name."""
    return [code.co_firstlineno, code.co_code.hex(), [*code.co_names], [*code.co_positions()]]


def _named(value: object, module: Callable[[str], str]) -> list[str]:
    kind = type(value)
    return [kind.__module__, kind.__qualname__, _of(kind.__module__, module)]


def _of(name: str, module: Callable[[str], str]) -> str:
    """Return the digest of a module of ours; the locks stand for all others. Raises for a module without a file."""
    if name.partition(".")[0] in ROOMS:
        return module(name)
    if name == "__main__":
        raise OpaqueValueError("it is defined in __main__, which no file of the checkout stands for")
    return ""
