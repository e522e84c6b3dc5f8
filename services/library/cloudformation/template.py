"""A CloudFormation template as it is written, and its resources."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Json = Mapping[str, Any]
"""A part of a template: whatever CloudFormation allows there, intrinsic functions included."""
CDK_METADATA = ("AWS::CDK::Metadata", "CDKMetadataAvailable")
"""The type of resource, and the condition, by which the CDK tells of its own use where `versionReporting` is on."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, with the construct path that the CDK wrote beside it.

    Its body is as written or, in a resolved template, as a deployment will make it.
    """

    logical_id: str
    type: str
    path: str
    body: Json

    @property
    def properties(self) -> Json:
        """Return the resource's properties; none if it has none."""
        properties = self.body.get("Properties")
        return properties if isinstance(properties, Mapping) else {}

    @property
    def condition(self) -> str:
        """Return the condition that the resource may not exist for; empty if it has none."""
        return self._text("Condition")

    @property
    def deletion_policy(self) -> str:
        """Return the policy for a deletion; empty for CloudFormation's default."""
        return self._text("DeletionPolicy")

    @property
    def update_replace_policy(self) -> str:
        """Return the policy for a replacement; empty for CloudFormation's default."""
        return self._text("UpdateReplacePolicy")

    def _text(self, name: str) -> str:
        value = self.body.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
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

    @cached_property
    def _resources(self) -> tuple[Resource, ...]:
        return tuple(
            Resource(
                logical_id=logical_id, type=str(body.get("Type", "")), path=self.path_of(logical_id, body), body=body
            )
            for logical_id, body in sorted(self.section("Resources").items())
        )

    def resources(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of these types, or all of them."""
        return (resource for resource in self._resources if not types or resource.type in types)

    def named_by(self, value: object) -> Resource | None:
        """Find the resource that a Ref, a Fn::GetAtt or a Fn::Sub of one names; None for all else."""
        return next((each for each in self._resources if each.logical_id == _reference(value)), None)

    def section(self, name: str) -> Json:
        """Return one of the template's sections, such as `Parameters`; an empty one if it has none."""
        section = self.body.get(name)
        return section if isinstance(section, Mapping) else {}

    def path_of(self, logical_id: str, body: Json) -> str:
        """Return the path in a resource's metadata; without one in its own stack, the logical id below the stack."""
        metadata = body.get("Metadata")
        path = metadata.get("aws:cdk:path") if isinstance(metadata, Mapping) else None
        below = f"{self.stack_path}/" if self.stack_path else ""
        return path if isinstance(path, str) and path.startswith(below) else f"{below}{logical_id}"


def known(value: object) -> bool:
    """Return whether a value stands in the template as it is, and not as a function that CloudFormation resolves."""
    return not isinstance(value, Mapping)


def number(value: object) -> int | None:
    """Return a whole number that the template states, be it as text; None if only CloudFormation will know it."""
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
