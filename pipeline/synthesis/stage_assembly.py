"""A stage's part of the assembly: its services' stacks, each made by itself, under one manifest."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import cx_api
from constructs import Construct

from pipeline.catalogue.model import Stage
from pipeline.definition.service_stage import BuiltStage
from pipeline.synthesis.service_unit import REPORT, STACK, OutsideStageError, SynthesisedUnit

MANIFESTS = ("manifest.json", "cdk.out")
"""What stands in a stage's folder for all of its units together."""


class SynthesisedStage(BuiltStage):
    """A stage whose stacks are made already. It holds a stack for each by name, with the outputs that steps ask for."""

    def __init__(self, scope: Construct, stage: Stage, units: Sequence[SynthesisedUnit]) -> None:
        super().__init__(scope, stage.label, env=stage.environment.to_cdk())
        self.stage = stage
        self.stacks = {each.unit.service.name: self._stack(each) for each in units}
        self.watched = {each.unit.service.name for each in units if each.is_watched}
        self._units = units
        self._assembly: cx_api.CloudAssembly | None = None

    def _stack(self, synthesised: SynthesisedUnit) -> cdk.Stack:
        artifact = synthesised.artifacts[synthesised.stack_id]
        protected = bool(artifact["properties"]["terminationProtection"])
        service = synthesised.unit.service
        name = service.stack_name(self.stage.environment)
        stack = cdk.Stack(self, service.name, stack_name=name, termination_protection=protected)
        if service.before or service.after:
            for name, logical_id in synthesised.outputs.items():
                cdk.CfnOutput(stack, name, value=name).override_logical_id(logical_id)
        return stack

    def synth(
        self,
        *,
        aspect_stabilization: bool | None = None,  # noqa: ARG002 - as in the CDK, like all of these
        error_on_duplicate_synth: bool | None = None,  # noqa: ARG002
        force: bool | None = None,  # noqa: ARG002
        skip_validation: bool | None = None,  # noqa: ARG002
        validate_on_synthesis: bool | None = None,
    ) -> cx_api.CloudAssembly:
        """Return what was made of its services."""
        if self._assembly is None and self._units:
            folder = Path(self.outdir)
            write_manifest(folder, self._units)
            self._assembly = cx_api.CloudAssembly(str(folder))
        elif self._assembly is None:
            self._assembly = super().synth(validate_on_synthesis=validate_on_synthesis)
        return self._assembly


def stage_factory(units: Mapping[str, Sequence[SynthesisedUnit]]) -> Callable[[Construct, Stage], SynthesisedStage]:
    """Return what makes the stage of a pipeline from its units, which are given by the stage's label."""
    return lambda scope, stage: SynthesisedStage(scope, stage, units[stage.label])


def refuse_stacks_of_two(units: Sequence[SynthesisedUnit]) -> None:
    """Raise OutsideStageError for a stack that two services of a stage make beside their own: whose is it?"""
    made_by: dict[tuple[str, str], str] = {}
    for each in units:
        name, stage = each.unit.service.name, each.unit.stage.label
        for artifact, its in each.artifacts.items():
            if its["type"] == STACK and made_by.setdefault((stage, artifact), name) != name:
                raise OutsideStageError(
                    f"{made_by[stage, artifact]} and {name} both make the stack {its['displayName']}."
                    " Give the stacks that support them names of their own."
                )


def write_manifest(folder: Path, units: Sequence[SynthesisedUnit]) -> None:
    """Write the manifest of a stage into its folder of the assembly, where the files of its units are."""
    artifacts: dict[str, Any] = {}
    offers = {published.name: each.stack_id for each in units for published in each.unit.service.offers}
    missing: list[Any] = []
    for each in units:
        artifacts |= {name: its for name, its in each.artifacts.items() if its["type"] != REPORT}
        needed = [offers[published.name] for published in each.unit.service.all_needs]
        stack = artifacts[each.stack_id]
        artifacts[each.stack_id] = stack | {"dependencies": [*dict.fromkeys(needed), *stack.get("dependencies", ())]}
        missing += each.manifest.get("missing", ())
    open_lookups = {"missing": missing} if missing else {}
    manifest = units[0].manifest | {"artifacts": artifacts | _report(units[0])} | open_lookups
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
    (folder / "cdk.out").write_text(
        json.dumps({"version": manifest["version"]}, separators=(",", ":")), encoding="utf-8"
    )


def _report(unit: SynthesisedUnit) -> dict[str, Any]:
    return {name: each for name, each in unit.artifacts.items() if each["type"] == REPORT}
