"""A finished CloudFormation template, as guardrails read it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]
"""A part of a template: whatever CloudFormation allows there, intrinsic functions included."""
CDK_METADATA = ("AWS::CDK::Metadata", "CDKMetadataAvailable")
"""The type of resource, and the condition, by which the CDK tells of its own use where `versionReporting` is on."""


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
    size: int = 0
    """In bytes, as it lies there."""
    termination_protection: bool | None = None
    """Of the stack; it stands beside the template. None for a nested one, which has its parent's."""
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

    def named_by(self, value: object) -> Resource | None:
        """The resource of this template that a Ref, a Fn::GetAtt or a Fn::Sub of one names; None for all else."""
        return next((each for each in self._resources if each.logical_id == _reference(value)), None)

    def _path(self, logical_id: str, body: Json) -> str:
        """The path in the metadata; a resource without one, or with one outside its stack, is named by its id."""
        metadata = body.get("Metadata")
        path = metadata.get("aws:cdk:path") if isinstance(metadata, Mapping) else None
        below = f"{self.stack_path}/" if self.stack_path else ""
        return path if isinstance(path, str) and path.startswith(below) else f"{below}{logical_id}"


def known(value: object) -> bool:
    """Whether a value stands in the template as it is, and not as a function that CloudFormation resolves."""
    return not isinstance(value, Mapping)


def number(value: object) -> int | None:
    """A whole number that the template states, be it as text; None if only CloudFormation will know it."""
    text = str(value)
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def _reference(value: object) -> str | None:
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), *_]}:
            return logical_id
        case {"Fn::GetAtt": str(text)}:
            return text.partition(".")[0]
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            whole = re.fullmatch(r"\$\{([A-Za-z0-9]+)(\.[A-Za-z0-9.]+)?\}", text)
            return whole[1] if whole else None
    return None
