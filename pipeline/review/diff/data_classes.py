"""What a resource of a type holds, by the reviewed lists in `data_classes.json`.

The lists say what holds something and what holds nothing; everything else is unknown, a type that AWS adds tomorrow
included. They were drawn up by hand on the day in the file; `page` is where an entry is to be checked.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from services.library.cloudformation.resolved_template import is_rewritten


class DataClass(StrEnum):
    """What goes with a resource that is deleted."""

    DATA = "data"
    SECRET = "secret"  # noqa: S105 - the name of a class, and no secret
    MESSAGES = "messages"
    LOGS = "logs"
    ADDRESS = "address"
    INSTANCE = "instance"
    CACHE = "cache"
    PROTECTION = "protection"
    """Nothing yet: it has others backed up."""
    NONE = "none"
    """Nothing: all that it is stands in its template, or comes back by itself."""
    UNKNOWN = "unknown"
    """Nobody has said."""


def data_class(type_: str) -> DataClass:
    """Return what resources of the type hold; of what is rewritten at deployment, the review is incomplete anyway."""
    if is_rewritten(type_):
        return DataClass.NONE
    held = _holds().get(type_)
    if held is not None:
        return held[0]
    return DataClass.NONE if type_ in _harmless() else DataClass.UNKNOWN


def contents(type_: str) -> str:
    """Return what is lost with a resource of the type, in words; empty if nobody knows of anything."""
    held = _holds().get(type_)
    return held[1] if held else ""


def types_of(class_: DataClass) -> frozenset[str]:
    """Return the types that are listed under a class; those of `UNKNOWN` are on no list."""
    if class_ is DataClass.NONE:
        return _harmless()
    return frozenset(type_ for type_, (held, _) in _holds().items() if held is class_)


def page(type_: str) -> str:
    """Return the address of AWS's page of a type."""
    name = "-".join(type_.lower().split("::")[1:])
    return f"https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-{name}.html"


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(__file__).with_name("data_classes.json").read_bytes())
    return document


@cache
def _holds() -> Mapping[str, tuple[DataClass, str]]:
    return {
        type_: (DataClass(name), what) for name, types in _document()["holds"].items() for type_, what in types.items()
    }


@cache
def _harmless() -> frozenset[str]:
    return frozenset(f"{service}::{name}" for service, names in _document()["none"].items() for name in names)
