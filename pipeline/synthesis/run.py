"""A synth: every service in every stage by itself, the pipeline over them, then one judgement of all."""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.accounts.execution_policies import OF_BRANCHES
from pipeline.catalogue.model import Stage, stages_of
from pipeline.definition import asset_publishing
from pipeline.synthesis import findings_data
from pipeline.synthesis.apps import new_app
from pipeline.synthesis.content import Sources
from pipeline.synthesis.pipeline_part import NAME, Pipeline
from pipeline.synthesis.process import ROOT, Told
from pipeline.synthesis.service_unit import ServiceUnit, Surroundings, SynthesisedUnit, synthesise
from pipeline.synthesis.stage_assembly import SynthesisedStage, refuse_stacks_of_two
from pipeline.synthesis.store import Part, Store
from pipeline.synthesis.values import OpaqueValueError
from services.library.contract.acknowledgement import Acknowledgement
from services.library.guardrails.judgement import Guardrails, Judgement
from services.library.guardrails.stack_findings import StackFindings


@dataclass(frozen=True, kw_only=True)
class Synth:
    """Where a synth reads and writes, and what it may take from earlier ones."""

    root: Path
    out: Path
    """The assembly's folder."""
    context: Mapping[str, Any]
    environment: Mapping[str, str]
    store: Store | None
    """None: everything is made anew."""

    @classmethod
    def asked(cls, asked: Told, environment: Mapping[str, str]) -> "Synth":
        """Return the synth that a process is asked for. The folder is there, and empty."""
        return cls(root=ROOT, out=asked.out, context=asked.context, environment=environment, store=asked.store)

    def pipeline(self, pipeline: Pipeline, accepted: Sequence[Acknowledgement]) -> Judgement:
        """Synthesise the pipeline with all of its stages."""
        boundary = pipeline.settings.bootstrap.permissions_boundary
        around = Surroundings(scope=NAME, context=self.context, accounts=pipeline.accounts, boundary=boundary)
        parts = _Parts(self)
        wanted = [
            ServiceUnit(stage=stage, service=service, around=around)
            for stage in stages_of(pipeline.catalogue)
            for service in stage.services
        ]
        units = [parts.unit(each) for each in wanted]
        refuse_stacks_of_two(units)
        findings = parts.pipeline(pipeline, units)
        asset_publishing.write_commands(self.out, pipeline.settings.builds)
        judgement = self._judge(parts, units, findings, accepted, every_stage=True)
        parts.prune()
        return judgement

    def branch(self, stage: Stage, tags: Mapping[str, str], stack_tags: Mapping[str, str]) -> Judgement:
        """Synthesise a branch environment, which has no pipeline."""
        around = Surroundings(scope="", context=self.context, accounts=OF_BRANCHES, tags=tags, stack_tags=stack_tags)
        parts = _Parts(self)
        units = [parts.unit(ServiceUnit(stage=stage, service=each, around=around)) for each in stage.services]
        refuse_stacks_of_two(units)
        app = new_app(self.out, self.context)
        SynthesisedStage(app, stage, units)
        app.synth()
        judgement = self._judge(parts, units, None, (), every_stage=False)
        parts.prune()
        return judgement

    def _judge(
        self,
        parts: "_Parts",
        units: list[SynthesisedUnit],
        pipeline: StackFindings | None,
        accepted: Sequence[Acknowledgement],
        *,
        every_stage: bool,
    ) -> Judgement:
        """Accept anew, whatever was kept; what fails of a kept override is made again, for the line that does it."""
        found = [*([pipeline] if pipeline else []), *(each.findings for each in units)]
        guardrails = Guardrails([each.unit.checked() for each in units], accepted=accepted, every_stage=every_stage)
        judgement = guardrails.conclude(self.out, found, context=self.context)
        failing = [each.path for each in judgement.failed]
        again = [each for each in units if parts.hides_a_line(each) and _is_in(each.unit.path, failing)]
        if not again:
            return judgement
        with tempfile.TemporaryDirectory() as folder:  # the assembly is finished: its stages' manifests are all units'
            made = [synthesise(each.unit, Path(folder)) if each in again else each for each in units]
            found = [*([pipeline] if pipeline else []), *(each.findings for each in made)]
            return guardrails.conclude(self.out, found, context=self.context)


class _Parts:
    """Takes parts from the store, or makes them and keeps them."""

    def __init__(self, synth: Synth) -> None:
        self._synth = synth
        self._sources = Sources(synth.root)
        self._tools = self._sources.tools(synth.context, synth.environment)
        self._kept = 0

    def unit(self, unit: ServiceUnit) -> SynthesisedUnit:
        """Take or make one service's stack in one stage."""
        store = self._synth.store
        if store is None or (key := self._key(unit.path, lambda: unit.key(self._sources, self._tools))) is None:
            return self.make(unit)
        if part := store.take(key, self._synth.out):
            return SynthesisedUnit.kept(unit, part)
        return self.make(unit, key)

    def make(self, unit: ServiceUnit, key: str | None = None) -> SynthesisedUnit:
        """Make a unit, and keep it."""
        made = synthesise(unit, self._synth.out)
        self._keep(key, made.part)
        return made

    def pipeline(self, pipeline: Pipeline, units: Sequence[SynthesisedUnit]) -> StackFindings:
        """Take or make the pipeline's own stacks; returns what was found in them."""
        out, store = self._synth.out, self._synth.store
        key = None
        if store:
            key = self._key(NAME, lambda: pipeline.key(self._sources, self._tools, units, out))
        part = store.take(key, out) if store and key else None
        if part is None:
            part = pipeline.synthesise(out, units)
            self._keep(key, part)
        else:
            pipeline.write_stage_manifests(out, units)
        return findings_data.read(part.data["findings"])

    def hides_a_line(self, made: SynthesisedUnit) -> bool:
        """Say whether it was kept with an override whose lines only a new build can tell."""
        return bool(made.part.data["findings"]["overridden"]) and not made.findings.overridden

    def prune(self) -> None:
        """Keep the store small; only who has added to it has to."""
        if self._kept and self._synth.store:
            self._synth.store.prune()

    def _key(self, name: str, made: Callable[[], str]) -> str | None:
        try:
            return made()
        except OpaqueValueError as error:
            sys.stderr.write(f"{name} is made anew in each synth: {error}.\n")
            return None

    def _keep(self, key: str | None, part: Part) -> None:
        if key and self._synth.store:
            self._synth.store.keep(key, part, self._synth.out)
            self._kept += 1


def _is_in(stack: str, paths: Sequence[str]) -> bool:
    return any(f"{path}/".startswith(f"{stack}/") for path in paths)
