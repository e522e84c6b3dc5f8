"""The pipeline's own stacks as a part of the assembly: made anew only when it would do something else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.accounts.execution_policies import DeploymentAccounts
from pipeline.catalogue.model import Catalogue, Removal, Stage, stages_of
from pipeline.catalogue.source_location import CATALOGUE
from pipeline.definition import asset_publishing
from pipeline.definition.stack import PipelineStack
from pipeline.pipeline_settings import Settings
from pipeline.synthesis import findings_data
from pipeline.synthesis.apps import new_app
from pipeline.synthesis.content import Sources, digest
from pipeline.synthesis.process import written
from pipeline.synthesis.service_unit import SynthesisedUnit
from pipeline.synthesis.stack_size import name_too_many_resources
from pipeline.synthesis.stage_assembly import MANIFESTS, stage_factory, write_manifest
from pipeline.synthesis.store import Part, files_below
from pipeline.synthesis.values import plain
from services.library.contract.environment import Environment
from services.library.guardrails.stack_findings import find, synthesised

NAME = "Pipeline"
"""The pipeline's stack, which stages are below."""
BY_CONTENT = frozenset({"stackTemplateAssetObjectUrl"})
"""The property of a stack's artifact that names its template's content; the pipeline takes the template itself."""
CODE = (
    "pipeline.definition.stack",
    "pipeline.settings",
    "pipeline.builds.approve_unchanged",
    "pipeline.builds.enable_termination_protection",
    "pipeline.builds.fetch_source",
    "pipeline.builds.release_bake",
    "pipeline.builds.release_gate",
    "pipeline.builds.second_person",
)
"""With the programs whose text is in the commands of builds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """Everything that the pipeline's stacks are made of but the stages' own."""

    settings: Settings
    catalogue: Catalogue
    removals: Sequence[Removal]
    branches: Environment | None
    context: Mapping[str, Any]

    @property
    def accounts(self) -> DeploymentAccounts:
        """Return the accounts that it deploys to, by what CloudFormation may do there."""
        environments = (stage.environment for stage in stages_of(self.catalogue))
        return DeploymentAccounts.of(environments, tools=self.settings.account)

    def key(self, sources: Sources, tools: str, units: Sequence[SynthesisedUnit], folder: Path) -> str:
        """Return the digest of all that it is made of. Raises OpaqueValueError if nobody can tell."""
        values = (self.settings, self._facts(), tuple(self.removals), self.branches)
        return digest(
            tools,
            sources.library(),
            [sources.module(each) for each in CODE],
            plain(values, sources.module),
            [_seen(each, folder) for each in units],
        )

    def synthesise(self, folder: Path, units: Sequence[SynthesisedUnit]) -> Part:
        """Make the pipeline's stacks in the assembly's folder, where the files of the units are."""
        app = new_app(folder, self.context)
        before = set(files_below(folder, *written(folder)))
        stack = PipelineStack(
            app,
            NAME,
            settings=self.settings,
            catalogue=self.catalogue,
            removals=self.removals,
            branches=self.branches,
            make_stage=stage_factory(self._by_stage(units)),
        )
        with name_too_many_resources(CATALOGUE, what="The pipeline's own stack", remedy="What to do: docs/scale.md."):
            app.synth()
        theirs = {path for each in units for path in each.findings.stacks}
        stacks = [each for each in synthesised(folder) if each.path not in theirs]
        found = find(app, folder, stacks, (), stack.decided_findings, execution=self.accounts.policy, folders=[folder])
        made = sorted(set(files_below(folder, *written(folder))) - before)
        theirs_too = {f"{each.folder}/{name}" for each in units for name in MANIFESTS}
        return Part(
            files=tuple(name for name in made if name not in theirs_too), data={"findings": findings_data.write(found)}
        )

    def write_stage_manifests(self, folder: Path, units: Sequence[SynthesisedUnit]) -> None:
        """Write what making the pipeline anew would have written of its stages."""
        for its in self._by_stage(units).values():
            if its:
                write_manifest(folder / its[0].folder, its)

    def _by_stage(self, units: Sequence[SynthesisedUnit]) -> dict[str, list[SynthesisedUnit]]:
        return {
            stage.label: [each for each in units if each.unit.stage is stage] for stage in stages_of(self.catalogue)
        }

    def _facts(self) -> Any:
        """Return what the pipeline's stacks are made of in the catalogue: all of a stage but its services' stacks."""
        return [[entry.label, [_facts_of(stage) for stage in entry.stages]] for entry in self.catalogue]


def _facts_of(stage: Stage) -> Any:
    """Return each field of a stage; of its services the steps, the release, and whether their stacks are adopted."""
    own = {each.name: getattr(stage, each.name) for each in fields(stage) if each.name != "services"}
    services = [
        (each.name, each.before, each.after, each.release, each.is_adopted(stage.environment))
        for each in stage.services
    ]
    return [own, services]


def _seen(unit: SynthesisedUnit, folder: Path) -> Any:
    """Return what the pipeline's stacks see of a unit: that there are assets and where they go, and not which."""
    artifacts = []
    for name, artifact in unit.artifacts.items():
        properties = {key: value for key, value in artifact["properties"].items() if key not in BY_CONTENT}
        artifacts.append(
            [name, artifact["type"], artifact.get("environment"), artifact.get("dependencies"), properties]
        )
        if artifact["type"] == asset_publishing.MANIFEST:
            artifacts.append(_destinations(folder / unit.folder / properties["file"]))
    return [unit.stack_id, unit.outputs, unit.is_watched, artifacts, unit.manifest.get("missing")]


def _destinations(manifest: Path) -> Any:
    content = json.loads(manifest.read_text(encoding="utf-8"))
    files = [each for each in content.get("files", {}).values() if not asset_publishing.is_template(each)]
    places = {
        json.dumps({key: value for key, value in each.items() if key != "objectKey"}, sort_keys=True)
        for asset in files
        for each in asset["destinations"].values()
    }
    return [sorted(places), content.get("dockerImages")]
