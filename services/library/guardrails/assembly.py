"""Reads what a synth has written: templates with their nested ones, open lookups, and the CDK's own suppressions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from services.library.cloudformation.intrinsics import values_at
from services.library.cloudformation.template import Json, Resource, Template

SUPPRESSIONS = "aws:cdk:acknowledged-rules"
"""The metadata that `Validations.of(construct).acknowledge(...)` leaves."""


def templates(folder: Path, file: Path, stack_path: str) -> Iterator[Template]:
    """Read a stack's template, then those of its nested stacks."""
    yield from _with_nested(folder, file, stack_path, _read(file), termination_protection=_is_protected(file))


def stacks(folder: Path) -> Iterator[tuple[str, Path]]:
    """List construct path and template of each stack of an assembly."""
    for manifest in _manifests(folder):
        for artifact in manifest.get("artifacts", {}).values():
            if artifact["type"] == "aws:cloudformation:stack":
                path = artifact.get("displayName", "").partition(" ")[0]
                yield path, Path(manifest["folder"]) / artifact["properties"]["templateFile"]


def accounts(folder: Path) -> dict[str, str | None]:
    """Return the account of each stack of an assembly by its construct path; None where the stack names none."""
    return {
        artifact.get("displayName", "").partition(" ")[0]: _account(artifact.get("environment", ""))
        for manifest in _manifests(folder)
        for artifact in manifest.get("artifacts", {}).values()
        if artifact["type"] == "aws:cloudformation:stack"
    }


def deployed(folder: Path) -> Iterator[tuple[str, Template]]:
    """Yield each stack's template, without nested ones, with the account and region that it is deployed to."""
    for manifest in _manifests(folder):
        for artifact in manifest.get("artifacts", {}).values():
            if artifact["type"] == "aws:cloudformation:stack":
                file = Path(manifest["folder"]) / artifact["properties"]["templateFile"]
                path = artifact.get("displayName", "").partition(" ")[0]
                where = artifact.get("environment", "").removeprefix("aws://")
                yield where, Template(body=_read(file), stack_path=path, file=file.relative_to(folder).as_posix())


def _account(environment: str) -> str | None:
    """Read `aws://123456789012/eu-west-1`."""
    account = environment.removeprefix("aws://").partition("/")[0]
    return account if account.isdecimal() else None


def has_template(nested: Resource) -> bool:
    """Say whether a nested stack's template is one of the assembly's."""
    metadata = nested.body.get("Metadata")
    return isinstance(metadata, Mapping) and isinstance(metadata.get("aws:asset:path"), str)


def _with_nested(
    folder: Path, file: Path, stack_path: str, body: Json, *, termination_protection: bool | None
) -> Iterator[Template]:
    template = Template(
        body=body,
        stack_path=stack_path,
        file=file.relative_to(folder).as_posix(),
        size=file.stat().st_size,
        termination_protection=termination_protection,
    )
    yield template
    for nested in template.resources("AWS::CloudFormation::Stack"):
        if has_template(nested):
            asset = file.parent / nested.body["Metadata"]["aws:asset:path"]
            body = _with_parameters(_read(asset), nested, template)
            yield from _with_nested(folder, asset, stack_path, body, termination_protection=None)


def _with_parameters(body: Json, nested: Resource, around: Template) -> Json:
    """Return a nested stack's template with what the stack around it gives its parameters for their defaults.

    What only the deployment knows, or a condition decides, leaves none.
    """
    declared = body.get("Parameters")
    parameters = dict(declared) if isinstance(declared, Mapping) else {}
    for name, parameter in parameters.items():
        values = values_at(nested.properties, f"Parameters.{name}", around)
        if values != [None] and isinstance(parameter, Mapping):
            rest = {key: value for key, value in parameter.items() if key != "Default"}
            is_known = len(values) == 1 and isinstance(values[0], str | int | float)
            parameters[name] = {**rest, "Default": str(values[0])} if is_known else rest
    return {**body, "Parameters": parameters} if parameters else body


def _is_protected(file: Path) -> bool:
    """Read the stack's termination protection, which is no part of a template: the manifest has it."""
    return any(
        artifact["properties"].get("terminationProtection", False)
        for artifact in _read(file.parent / "manifest.json")["artifacts"].values()
        if artifact.get("properties", {}).get("templateFile") == file.name
    )


def folders(folder: Path) -> Iterator[Path]:
    """List the folders of an assembly and of each assembly in it."""
    yield from (Path(manifest["folder"]) for manifest in _manifests(folder))


def missing_lookups(folders: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """List provider and key of each value that synth asked an account for. `folders`: those with a manifest."""
    for folder in folders:
        for each in _read(folder / "manifest.json").get("missing", ()):
            yield each["provider"], each["key"]


def suppressed(folders: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """List construct path and rule of each suppression by the CDK's own means, which leaves no owner and no end."""
    for folder in folders:
        for artifact in _read(folder / "manifest.json").get("artifacts", {}).values():
            metadata: dict[str, list[dict[str, Any]]] = dict(artifact.get("metadata", {}))
            if "additionalMetadataFile" in artifact:
                metadata |= _read(folder / artifact["additionalMetadataFile"])
            for path, entries in metadata.items():
                for entry in entries:
                    if entry["type"] == SUPPRESSIONS:
                        yield from ((path.lstrip("/"), rule) for rule in entry["data"])


def _manifests(folder: Path) -> Iterator[Json]:
    """Read the manifest of an assembly and of each assembly in it, with the folder that it stands in."""
    manifest = _read(folder / "manifest.json")
    yield {**manifest, "folder": folder}
    for artifact in manifest.get("artifacts", {}).values():
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _manifests(folder / artifact["properties"]["directoryName"])


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content
