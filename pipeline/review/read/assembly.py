"""A cloud assembly as a review reads it: stacks with their places, and what synth left beside them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pipeline.review.model import DeploymentLocation, Json
from services.library.cloudformation.resolved_template import ResolvedTemplate, resolve
from services.library.cloudformation.template import Template
from services.library.contract.names import ADOPTED

STACK = "aws:cloudformation:stack"
NESTED_ASSEMBLY = "cdk:cloud-assembly"
ASSETS = "cdk:asset-manifest"
NESTED_STACK = "AWS::CloudFormation::Stack"
PIPELINE = "AWS::CodePipeline::Pipeline"
PLATFORM = "pipeline"
"""The service that the pipeline's own stacks count as."""


ACCEPTED = "aws:cdk:acknowledged-rules"
"""The metadata of what was accepted by the CDK's own means."""
MOST_NESTED = 8
"""Assemblies within assemblies, or stacks within stacks; a synth of stages has two."""


class UnreadableError(Exception):
    """Something given for a review cannot be read; one sentence that says what and why."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack of an assembly. Its template is read when it is asked for: there may be hundreds."""

    path: str
    """Construct path from the App; what pairs it with the other side's."""
    stage: str
    service: str
    place: DeploymentLocation
    file: Path
    protected: bool = False
    parameters: Mapping[str, Json] = field(default_factory=dict)
    adopted: str = ""
    """What it was deployed as before the platform adopted it, as JSON; empty for a stack of the platform's own."""
    before_platform: bytes = b""
    """The template that it had then, of a stack that stands for what was deployed; else the file has it."""

    @cached_property
    def content(self) -> bytes:
        """Return the template's bytes."""
        if self.before_platform:
            return self.before_platform
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise UnreadableError(f"The template {self.file.name} cannot be read: {error}.") from error

    def forget(self) -> None:
        """Let go of what was read."""
        self.__dict__.pop("content", None)
        self.__dict__.pop("body", None)

    @cached_property
    def body(self) -> Mapping[str, Json]:
        """Return the template."""
        return read_template(self.content, self.file.name)

    @property
    def written(self) -> str:
        """Return the template as one text, whatever the order of its keys."""
        return json.dumps(self.body, sort_keys=True)

    def resolve(self, like: ResolvedTemplate | None = None) -> ResolvedTemplate:
        """Return the template with everything decided. `like`: the other side's, which it shares resources with."""
        place = self.place
        return resolve(
            Template(self.body, stack_path=self.path),
            name=place.name,
            account=place.account,
            region=place.region,
            parameters=self.parameters,
            like=like,
        )


@dataclass(frozen=True, kw_only=True)
class Drifted:
    """A resource that is not as its template says, because somebody changed it by hand."""

    stage: str
    service: str
    stack: str
    path: str
    """The construct's below its stack; the logical id without metadata."""
    full_path: str
    logical_id: str
    type: str
    is_deleted: bool
    properties: tuple[tuple[str, str, str], ...]
    """Path, the template's value and the actual one."""


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """One side of a review."""

    label: str
    folder: Path | None = None
    stacks: tuple[Stack, ...] = ()
    stages: tuple[str, ...] = ()
    """In promotion order."""
    missing: tuple[str, ...] = ()
    """The lookups that synth could not answer."""
    assets: frozenset[str] | None = frozenset()
    """Hashes of files and images. None: unknown, as for a bare template, so that everything like one counts."""
    metadata: Mapping[str, tuple[Mapping[str, Json], ...]] = field(default_factory=dict)
    """Construct path -> its metadata entries that accept rules."""
    unread: tuple[str, ...] = ()
    """Why this side is not complete, a sentence each."""
    drifted: tuple[Drifted, ...] = ()
    """What was changed by hand in what runs, if that was asked for."""

    def is_asset(self, digest: str) -> bool:
        """Return whether a hash is that of an asset."""
        return self.assets is None or digest in self.assets

    def document(self, name: str) -> Json:
        """Return a JSON file that stands beside the manifest; None if there is none."""
        return read_json(self.folder / name) if self.folder and self.has(name) else None

    def has(self, name: str) -> bool:
        """Return whether a file stands beside the manifest."""
        return self.folder is not None and (self.folder / name).exists()


def read(folder: Path, label: str = "") -> Assembly:
    """Read an assembly with the ones in it."""
    if not (folder / "manifest.json").exists():
        raise UnreadableError(f"{folder} is no cloud assembly: it has no manifest.json. Give a folder like cdk.out.")
    try:
        return _read(folder, label)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableError(
            f"{folder} is no cloud assembly: a manifest is not as the CDK writes it ({type(error).__name__}: {error})."
        ) from error


def _read(folder: Path, label: str) -> Assembly:
    stacks: list[Stack] = []
    stages: list[str] = []
    missing: list[str] = []
    assets: set[str] = set()
    metadata: dict[str, tuple[Mapping[str, Json], ...]] = {}
    for below, manifest, stage, stage_path in _manifests(folder, "", "", ()):
        if stage:
            stages.append(stage)
        missing += [f"{each.get('provider')} {each.get('key')}" for each in manifest.get("missing", ())]
        for name, artifact in manifest.get("artifacts", {}).items():
            if artifact["type"] == STACK:
                stacks.append(_stack(name, artifact, below, stage, stage_path))
                metadata |= _metadata(artifact, below, ACCEPTED)
            elif artifact["type"] == ASSETS:
                content = read_json(_inside(below, artifact["properties"]["file"]))
                assets |= {*content.get("files", ()), *content.get("dockerImages", ())}
    if stages:
        stacks = [stack if stack.stage else _of_the_platform(stack) for stack in stacks]
    return Assembly(
        label=label or str(folder),
        folder=folder,
        stacks=tuple(stacks),
        stages=tuple(stages),
        missing=tuple(missing),
        assets=frozenset(assets),
        metadata=metadata,
    )


def of_template(file: Path) -> Assembly:
    """Return a bare template as a side of its own."""
    stack = Stack(path="", stage="", service="", place=DeploymentLocation(name="", account="", region=""), file=file)
    if not isinstance(stack.body.get("Resources"), Mapping):
        raise UnreadableError(f"{file} is no CloudFormation template: it has no Resources.")
    return Assembly(label=str(file), stacks=(stack,), assets=None)


def nested(folder: Path, body: Mapping[str, Json]) -> Iterator[tuple[str, Path]]:
    """Logical id and file of each nested stack whose template lies in the assembly. `folder`: of the parent's.

    One whose TemplateURL names another file than its metadata does is deployed from elsewhere.
    """
    found = {
        logical_id: (resource, asset)
        for logical_id, resource in body.get("Resources", {}).items()
        if isinstance(resource, Mapping)
        and resource.get("Type") == NESTED_STACK
        and isinstance(metadata := resource.get("Metadata"), Mapping)
        and isinstance(asset := metadata.get("aws:asset:path"), str)
    }
    published = _published(folder) if found else {}
    for logical_id, (resource, asset) in found.items():
        file = (folder / asset).resolve()
        is_here = file.is_relative_to(folder.resolve()) and file.is_file()
        url = json.dumps(resource.get("Properties", {}))
        if is_here and (asset not in published or any(digest in url for digest in published[asset])):
            yield logical_id, folder / asset


def _published(folder: Path) -> Mapping[str, set[str]]:
    """File -> the hashes that it is published under, by the asset manifests of a folder."""
    found: dict[str, set[str]] = {}
    for manifest in sorted(folder.glob("*.assets.json")):
        files = read_json(manifest).get("files", {})
        for digest, entry in files.items():
            path = entry.get("source", {}).get("path")
            if isinstance(path, str):
                found.setdefault(path, set()).add(digest)
    return found


def read_template(content: bytes, name: str) -> Mapping[str, Json]:
    """Return a template from its bytes."""
    try:
        body = json.loads(content)
    except (RecursionError, ValueError) as error:
        raise UnreadableError(f"{name} is no JSON: {error}. A template must be JSON, as synth writes it.") from error
    if not isinstance(body, Mapping):
        raise UnreadableError(f"{name} is no CloudFormation template: it is not an object.")
    return body


def read_json(file: Path) -> Json:
    """Return a file of an assembly."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, RecursionError, ValueError) as error:
        raise UnreadableError(f"{file} cannot be read: {error}.") from error


def _inside(folder: Path, name: str) -> Path:
    """A file or folder that a manifest names: one that lies elsewhere is not the assembly's."""
    found = folder / name
    if not found.resolve().is_relative_to(folder.resolve()):
        raise UnreadableError(f"{folder} is no cloud assembly: its manifest names {name!r}, which lies outside.")
    return found


def _manifests(
    folder: Path, stage: str, path: str, around: tuple[Path, ...]
) -> Iterator[tuple[Path, Mapping[str, Json], str, str]]:
    if folder.resolve() in around:
        raise UnreadableError(f"{folder} is no cloud assembly: it is nested in itself.")
    if len(around) > MOST_NESTED:
        raise UnreadableError(f"{folder} is nested too deeply: a review reads {MOST_NESTED} assemblies in each other.")
    manifest = read_json(folder / "manifest.json")
    yield folder, manifest, stage, path
    for name, artifact in manifest.get("artifacts", {}).items():
        if artifact["type"] == NESTED_ASSEMBLY:
            properties = artifact["properties"]
            inner = _text(properties.get("displayName", name))
            below = _inside(folder, properties["directoryName"])
            yield from _manifests(below, inner.rpartition("/")[2], inner, (*around, folder.resolve()))


def _stack(name: str, artifact: Mapping[str, Json], folder: Path, stage: str, stage_path: str) -> Stack:
    properties = artifact["properties"]
    path = _text(artifact.get("displayName", name))
    account, _, region = artifact.get("environment", "").removeprefix("aws://").partition("/")
    return Stack(
        path=path,
        stage=stage,
        service=path.removeprefix(f"{stage_path}/" if stage_path else "").partition("/")[0],
        place=DeploymentLocation(
            name=_text(properties.get("stackName", name)),
            account="" if account.startswith("unknown") else account,
            region="" if region.startswith("unknown") else region,
        ),
        file=_inside(folder, properties["templateFile"]),
        protected=bool(properties.get("terminationProtection")),
        parameters=properties.get("parameters", {}),
        adopted=next((each for each in _metadata(artifact, folder, ADOPTED).get(path, ())), ""),
    )


def _text(value: Json) -> str:
    """A manifest's text.

    Raises:
        TypeError: if it is something else, which would be no name.
    """
    if not isinstance(value, str):
        raise TypeError(f"{json.dumps(value)} stands where a name must")
    return value


def _of_the_platform(stack: Stack) -> Stack:
    return Stack(
        path=stack.path,
        stage="",
        service=PLATFORM,
        place=stack.place,
        file=stack.file,
        protected=stack.protected,
        parameters=stack.parameters,
    )


def _metadata(artifact: Mapping[str, Json], folder: Path, type_: str) -> dict[str, tuple[Json, ...]]:
    """Metadata entries of one type, by construct path without a slash in front."""
    metadata = dict(artifact.get("metadata", {}))
    if "additionalMetadataFile" in artifact:
        metadata |= read_json(_inside(folder, artifact["additionalMetadataFile"]))
    return {
        path.lstrip("/"): found
        for path, entries in metadata.items()
        if (found := tuple(entry["data"] for entry in entries if entry["type"] == type_))
    }
