"""A case of the review: two templates and what must be said of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True, kw_only=True)
class Case:
    """Two templates, the outcome of each named resource, and the flags that must be raised."""

    id: str
    old: Json
    new: Json
    expect: Mapping[str, str]
    """Logical id -> outcomes of which any will do, such as `MAY_REPLACE/REPLACE`."""
    loses: frozenset[str] | None = None
    """Exactly the resources whose data are lost; None: the case does not say."""
    guard: frozenset[str] = frozenset()
    access: Mapping[str, bool] | None = None
    """`broadened`, `admin`, `public`, `world` -> whether some access change says so."""
    section: str = ""
    """The part of the template that must be spoken of although no resource changes."""


def template(resources: Mapping[str, Json], **sections: Json) -> Json:
    """A template of these resources."""
    return {"Resources": dict(resources), **sections}


def resource(type_: str, properties: Json = None, **attributes: Json) -> Json:
    """One resource."""
    return {"Type": f"AWS::{type_}", "Properties": properties or {}, **attributes}


def case(
    id_: str,
    old: Json,
    new: Json,
    expect: Mapping[str, str],
    *,
    loses: set[str] | None = None,
    guard: set[str] | None = None,
    access: Mapping[str, bool] | None = None,
    section: str = "",
) -> Case:
    """A row of a table. A mapping of resources alone stands for the template that has them."""
    sides = [side if "Resources" in side else template(side) for side in (old, new)]
    return Case(
        id=id_,
        old=sides[0],
        new=sides[1],
        expect=expect,
        loses=None if loses is None else frozenset(loses),
        guard=frozenset(guard or ()),
        access=access,
        section=section,
    )
