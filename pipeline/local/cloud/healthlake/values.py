"""Finds in a resource what a search parameter is about, by the paths of HL7's definitions (see `distil.py`)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]
PARAMETERS = Path(__file__).with_name("parameters.json")
EVERYWHERE = "Resource"
CHOICES = tuple(
    "Address Age Annotation Attachment BackboneElement Boolean Canonical Code CodeableConcept Coding ContactPoint "  # noqa: SIM905 - a list of words
    "Count Date DateTime Decimal Distance Dosage Duration HumanName Identifier Instant Integer Money Period Quantity "
    "Range Ratio Reference SampledData String Time Timing Uri Url".split()
)
"""What the name of a choice of types can end with: `value` stands as `valueQuantity`, say."""
_STEP = re.compile(r"(\w+)(?::(\w+))?(?:\[(?:(\w+)=)?(\w+)\])?(!)?$")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One search parameter of a resource type."""

    name: str
    type: str
    paths: tuple[str, ...]


@cache
def resource_types() -> frozenset[str]:
    """Return every resource type of R4."""
    return frozenset(_definitions()["types"])


@cache
def parameters(resource_type: str) -> dict[str, Parameter]:
    """Return the search parameters of a type, by name."""
    known: dict[str, dict[str, Json]] = _definitions()["parameters"]
    return {
        name: Parameter(name=name, type=each["type"], paths=tuple(each["paths"]))
        for base in (EVERYWHERE, resource_type)
        for name, each in known.get(base, {}).items()
    }


def values(resource: Json, parameter: Parameter) -> list[Any]:
    """Return what a resource has for a parameter; lists are unfolded."""
    return [value for path in parameter.paths for value in _walk(resource, path.split("."))]


def _walk(value: Any, steps: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _walk(each, steps)
    elif not steps:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        for found in _step(value, steps[0]):
            yield from _walk(found, steps[1:])


def _step(value: Json, step: str) -> list[Any]:
    matched = _STEP.match(step)
    if matched is None:
        raise ValueError(f"no path of ours: {step}")
    name, choice, key, wanted, exists = matched.groups()
    if choice:
        found = [value.get(name + choice[:1].upper() + choice[1:])]
    elif name in value:
        found = [value[name]]
    else:
        found = [value[name + each] for each in CHOICES if name + each in value]
    if exists:
        return [any(each not in (None, False) for each in found)]
    if not wanted:
        return found
    items = [item for each in found for item in (each if isinstance(each, list) else [each]) if isinstance(item, dict)]
    if key:
        return [item for item in items if item.get(key) == wanted]
    return [item for item in items if refers_to(item, wanted)]


def refers_to(reference: Json, resource_type: str) -> bool:
    """Tell whether a reference says that it is to this type."""
    found = reference.get("reference")
    if not isinstance(found, str):
        return reference.get("type") == resource_type
    return f"/{found}".rpartition("/")[0].endswith(f"/{resource_type}") or reference.get("type") == resource_type


@cache
def _definitions() -> Json:
    found: Json = json.loads(PARAMETERS.read_text(encoding="utf-8"))
    return found
