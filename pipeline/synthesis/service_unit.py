"""One service's stack in one stage, synthesised in an App of its own: no other stack is within its reach."""

import inspect
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from pipeline.accounts.execution_policies import DeploymentAccounts
from pipeline.catalogue.model import Stage
from pipeline.catalogue.problem import MistakeError
from pipeline.catalogue.release import has_default_alarms, with_own_release
from pipeline.catalogue.source_location import relative
from pipeline.definition.asset_publishing import MANIFEST
from pipeline.definition.service_stage import ServiceStage, checked_stacks
from pipeline.synthesis import findings_data
from pipeline.synthesis.apps import new_app
from pipeline.synthesis.content import Sources, digest
from pipeline.synthesis.stack_size import name_too_many_resources
from pipeline.synthesis.store import Part, files_below
from pipeline.synthesis.values import plain
from services.library.contract.names import PLATFORM_BOUNDARY
from services.library.contract.service import Service
from services.library.guardrails.checked_stack import CheckedStack, StoredStack
from services.library.guardrails.stack_findings import StackFindings, find, synthesised

STACK = "aws:cloudformation:stack"
ASSEMBLY = "cdk:cloud-assembly"
SPLIT = "Split the service into two, or move a part of its stack into a nested one."
REPORT = "cdk:feature-flag-report"
"""What the CDK writes into every assembly: the flags of its context."""


class OutsideStageError(MistakeError):
    """A service that makes a stack where no stage would deploy it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What all units of one App share."""

    scope: str
    """The construct that stages are below, such as the pipeline's stack; empty: the App."""
    context: Mapping[str, Any]
    accounts: DeploymentAccounts
    boundary: str = PLATFORM_BOUNDARY
    """The name of the permissions boundary that roles of stages have."""
    tags: Mapping[str, str] = field(default_factory=dict)
    stack_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceUnit:
    """One entry of one stage."""

    stage: Stage
    service: Service[Any]
    around: Surroundings

    @property
    def path(self) -> str:
        """Return the stack's construct path."""
        return "/".join(filter(None, (self.around.scope, self.stage.label, self.service.name)))

    def key(self, sources: Sources, tools: str) -> str:
        """Return the digest of all that the unit is made of. Raises OpaqueValueError if nobody can tell."""
        kind = type(self.service)
        return digest(
            tools,
            sources.library(),
            sources.module(kind.__module__),
            plain((with_own_release(self.stage, self.service), self.stage.environment), sources.module),
            has_default_alarms(self.stage, self.service),
            [kind.name, kind.owner, kind.handles_personal_data],
            [self.around.accounts.tools, sorted(self.around.accounts.keep_data), self.around.accounts.is_branch],
            self.around.boundary,
            [self.around.scope, sorted(self.around.tags.items()), sorted(self.around.stack_tags.items())],
        )

    def checked(self) -> CheckedStack:
        """Return what guardrails must know of its stack when an earlier synth has made it."""
        return CheckedStack(
            stack=StoredStack(path=self.path),
            environment=self.stage.environment,
            service=self.service.name,
            owner=self.service.owner,
            handles_personal_data=self.service.handles_personal_data,
            acknowledgements=self.service.acknowledgements,
            stage_acknowledgements=self.service.stage_acknowledgements,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SynthesisedUnit:
    """What a unit came to, made now or kept."""

    unit: ServiceUnit
    part: Part
    findings: StackFindings

    @property
    def folder(self) -> str:
        """Return the stage's folder in the assembly."""
        return str(self.part.data["folder"])

    @property
    def manifest(self) -> dict[str, Any]:
        """Return the manifest of its stage, if it were the only one there."""
        return dict(self.part.data["manifest"])

    @property
    def artifacts(self) -> dict[str, Any]:
        """Return what the stage's manifest says of it, by artifact id, its own stack among others."""
        return dict(self.manifest["artifacts"])

    @property
    def stack_id(self) -> str:
        """Return the artifact id of its stack."""
        return str(self.part.data["stack"])

    @property
    def is_watched(self) -> bool:
        """Return whether its stack has a release alarm."""
        return bool(self.part.data["watched"])

    @property
    def outputs(self) -> dict[str, str]:
        """Return the logical id of each of its stack's outputs by the construct's."""
        return dict(self.part.data["outputs"])

    @classmethod
    def kept(cls, unit: ServiceUnit, part: Part) -> "SynthesisedUnit":
        """Return a unit that an earlier synth has made."""
        return cls(unit=unit, part=part, findings=findings_data.read(part.data["findings"]))


def synthesise(unit: ServiceUnit, folder: Path) -> SynthesisedUnit:
    """Build the unit into the assembly's folder, and check it.

    The stage's manifest is this unit's alone then; that of all units is written over it at the end.
    """
    around = unit.around
    app = new_app(folder, around.context)
    scope = Construct(app, around.scope) if around.scope else app
    built = ServiceStage(
        scope,
        unit.stage,
        only=unit.service.name,
        tags=around.tags,
        stack_tags=around.stack_tags,
        boundary=around.boundary,
    )
    file = relative(Path(inspect.getfile(type(unit.service))).absolute())
    with name_too_many_resources(file, what=f"{unit.service.name} in {unit.stage.label}", remedy=SPLIT):
        made = Path(built.synth(validate_on_synthesis=True).directory)
    _refuse_what_is_outside(app, unit)
    found = find(
        app, folder, synthesised(made), checked_stacks(built), execution=around.accounts.policy, folders=[made]
    )
    manifest = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    stack = built.stacks[unit.service.name]
    outputs = {child.node.id: child for child in stack.node.children if isinstance(child, cdk.CfnOutput)}
    data = {
        "folder": made.name,
        "manifest": manifest,
        "stack": stack.artifact_id,
        "outputs": {name: stack.resolve(output.logical_id) for name, output in outputs.items()},
        "watched": unit.service.name in built.watched,
        "findings": findings_data.write(found),
    }
    files = tuple(files_below(folder, *sorted(set(_written(folder, made, manifest)))))
    return SynthesisedUnit(unit=unit, part=Part(files=files, data=data), findings=found)


def _written(folder: Path, made: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files and folders of one stage's assembly and their assets, below the whole one's folder."""
    names: list[str] = []
    for artifact in manifest["artifacts"].values():
        properties = artifact["properties"]
        names += filter(None, (properties.get("templateFile"), artifact.get("additionalMetadataFile")))
        if artifact["type"] == MANIFEST:
            names.append(properties["file"])
            assets = json.loads((made / properties["file"]).read_text(encoding="utf-8"))
            names += [each["source"]["path"] for each in assets.get("files", {}).values() if "path" in each["source"]]
            images = assets.get("dockerImages", {}).values()
            names += [each["source"]["directory"] for each in images if "directory" in each["source"]]
    yield from (os.path.relpath(made / each, folder) for each in names)


def _refuse_what_is_outside(app: cdk.App, unit: ServiceUnit) -> None:
    """Raise OutsideStageError for a stack beside the stage, which no pipeline would deploy."""
    outside = [each.node.path for each in app.node.children if isinstance(each, cdk.Stack)]
    if outside:
        raise OutsideStageError(
            f"{unit.service.name} makes the stack {outside[0]} outside of its stage {unit.stage.label},"
            " where nothing deploys it. Give its support stacks a scope of their own within the stage."
        )
