"""A finished CloudFormation template, as guardrails read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]
"""A part of a template: whatever CloudFormation allows there, intrinsic functions included."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, with the construct path that the CDK wrote beside it."""

    logical_id: str
    type: str
    path: str
    body: Json

    @property
    def properties(self) -> Json:
        """The resource's properties; none if it has none."""
        properties = self.body.get("Properties")
        return properties if isinstance(properties, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Template:
    """One stack's template, or a nested stack's."""

    body: Json
    stack_path: str = ""
    """Construct path of the stack; every finding lies below it."""
    file: str = ""
    """Where the template lies in the assembly."""
    _resources: tuple[Resource, ...] = field(init=False)

    def __post_init__(self) -> None:
        resources = tuple(
            Resource(
                logical_id=logical_id, type=str(body.get("Type", "")), path=self._path(logical_id, body), body=body
            )
            for logical_id, body in sorted(self.body.get("Resources", {}).items())
        )
        object.__setattr__(self, "_resources", resources)

    def resources(self, *types: str) -> Iterator[Resource]:
        """The resources of these types, or all of them."""
        return (resource for resource in self._resources if not types or resource.type in types)

    def _path(self, logical_id: str, body: Json) -> str:
        """The path in the metadata; a resource without one, or with one outside its stack, is named by its id."""
        metadata = body.get("Metadata")
        path = metadata.get("aws:cdk:path") if isinstance(metadata, Mapping) else None
        below = f"{self.stack_path}/" if self.stack_path else ""
        return path if isinstance(path, str) and path.startswith(below) else f"{below}{logical_id}"
