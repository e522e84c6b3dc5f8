"""Whether a resource is what FHIR says. It is passed on as it is in either case: none is dropped for its form."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel, ValidationError

NAME = re.compile(r"[A-Za-z_]{1,64}")
MOST_PATHS = 10


def unrecognised(resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths where a resource is not what FHIR says, such as `Patient.name[0].family`.

    Paths alone: the messages quote values. What FHIR does not know is `?`, for a made-up name may be a person's.
    """
    type_ = resource.get("resourceType")
    model = _model(type_) if isinstance(type_, str) else None
    if model is None:
        return ("resourceType",)
    try:
        model.model_validate(resource)
    except ValidationError as error:
        found = error.errors(include_input=False, include_context=False, include_url=False)
        return tuple(dict.fromkeys(_path(str(type_), each["loc"], str(each["type"])) for each in found))[:MOST_PATHS]
    except Exception:  # noqa: BLE001 - checks of that library raise what they like, with values in it
        return (f"{type_}.?",)
    return ()


def type_of(resource: Mapping[str, Any]) -> str:
    """Return the type as it may be logged."""
    type_ = resource.get("resourceType")
    return type_ if isinstance(type_, str) and _model(type_) is not None else "?"


@lru_cache(maxsize=256)
def _model(type_: str) -> type[BaseModel] | None:
    try:
        return get_fhir_model_class(type_)
    except ValueError:
        return None


def _path(type_: str, location: tuple[int | str, ...], kind: str) -> str:
    shown = [*location[:-1], "?"] if kind == "extra_forbidden" else list(location)
    return type_ + "".join(
        f"[{each}]" if isinstance(each, int) else f".{each if NAME.fullmatch(each) else '?'}" for each in shown
    )
