"""What two assemblies say, gathered stack by stack, so that hundreds of them need the memory of one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.review.access import changes as access
from pipeline.review.diff import (
    adoption,
    assets,
    exports,
    macros,
    outputs,
    overrides,
    pipeline_settings,
    pipeline_shape,
    publishing,
    redact,
    shifts,
    stacks,
    stateful,
    trees,
)
from pipeline.review.diff.changes import removed
from pipeline.review.diff.removals import RemovalStep, removal_steps
from pipeline.review.judge import finding, findings, irreversible, resource_findings
from pipeline.review.model import (
    AccessChange,
    AssetChange,
    DeploymentLocation,
    GuardrailChange,
    Pipeline,
    ResourceChange,
    ResourceOutcome,
    StackChange,
    StackLocation,
)
from pipeline.review.read import places
from pipeline.review.read.assembly import NESTED_STACK, PIPELINE, Assembly
from services.library.cloudformation.resolved_template import ResolvedTemplate

NEEDS_READING = (b"Fn::ImportValue", b'"Export"', PIPELINE.encode())
"""What makes a template worth reading that is the same on both sides: others import from it, or it has the pipeline."""


class StackDifferences:
    """What two assemblies differ in, pair of stacks by pair."""

    def __init__(self, base: Assembly, head: Assembly) -> None:
        self.changes: list[ResourceChange] = []
        self.stacks: list[StackChange] = []
        self.access: list[AccessChange] = []
        self.assets: list[AssetChange] = []
        self.overrides: list[GuardrailChange] = []
        self.drafts: list[finding.Draft] = []
        self.irreversible: list[tuple[StackLocation, str]] = []
        self.incomplete: list[str] = []
        self.pipeline = Pipeline()
        self.exports = exports.Exports(), exports.Exports()
        self._pipeline_path: str | None = None
        self._removals: Mapping[DeploymentLocation, RemovalStep] = {}
        self._assemblies = base, head
        self._environments = places.accounts(head.stacks or base.stacks)
        self._services = {stack.service for stack in base.stacks}

    def add(self, pair: stacks.Pair) -> None:
        """Compare one pair, and let go of its templates."""
        place = _place(pair)
        # Stacks that only the base side has come last, when the head's pipeline is known.
        whole = stacks.change(pair, pipeline_shape.removed(self.pipeline.after), self._removals)
        if pair.adopts:
            self.drafts.append(findings.of_adoption(place, pair.path))
        if whole:
            is_promotion = whole.outcome is ResourceOutcome.CREATE and place.service in self._services
            self.stacks.append(replace(whole, is_promotion=is_promotion))
            self.drafts += findings.of_stack(whole, self._removal_of(whole))
            self.irreversible += irreversible.of_stack(whole)
        if whole or pair.adopts or not _has_same_content(pair):
            self._templates(pair, place, whole)
        elif any(mark in pair.content for mark in NEEDS_READING):
            tree = trees.grow(pair.either)
            self._exports(tree, tree, place)
            self._shape(place, pair.path, tree.template, tree.template, (), _folders(pair))
        self._protection(pair, place)
        pair.forget()

    def of_pipeline(self) -> list[finding.Draft]:
        """Return what there is to say of the pipeline, once it is known which of its stacks come and go."""
        if self._pipeline_path is None:
            return []
        stacks = {each.stack for each in self.stacks if each.outcome is ResourceOutcome.CREATE or each.tombstone}
        removals = {each.step for each in self._removals.values()}
        return [*findings.of_pipeline(self.pipeline, self._pipeline_path, stacks, removals)]

    def is_asset(self, digest: str) -> bool:
        """Return whether a hash is an asset's on either side."""
        return any(side.is_asset(digest) for side in self._assemblies)

    def _removal_of(self, whole: StackChange) -> RemovalStep | None:
        return self._removals.get(whole.before) if whole.before else None

    def _templates(self, pair: stacks.Pair, place: StackLocation, whole: StackChange | None) -> None:
        before = trees.grow(pair.before) if pair.before else trees.NOTHING
        after = trees.grow(pair.after, before) if pair.after else trees.NOTHING
        self._exports(before, after, place)
        self.overrides += overrides.changes(pair.before, pair.after, place, pair.path)
        rows: list[ResourceChange] = []
        if whole and whole.outcome is ResourceOutcome.DESTROY:
            self._lost_with_stack(before, place, whole)
        if not whole:
            rows = [
                *self._rows(before, after, place, adopts=pair.adopts),
                *(
                    row
                    for where, old, new in trees.pairs(before, after, place)
                    for row in outputs.changes(where, old, new)
                ),
            ]
            secrets = {
                secret
                for tree in (before, after)
                for _, each, _ in trees.pairs(tree, tree, place)
                for secret in each.secrets
            }
            self._add(rows, pair.path, secrets)
            back = trees.compare(after, before, place, is_asset=self.is_asset)
            self.irreversible += irreversible.of_rows(rows, back)
        self._shape(place, pair.path, before.template, after.template, rows, _folders(pair))
        self.incomplete += macros.unknown(before, after, place)
        if pair.after:
            # What a stack grants that is created anew, or elsewhere, was granted by none before; and nobody here has
            # looked at what an adopted one grants.
            base = trees.NOTHING if whole or pair.adopts else before
            self.incomplete += trees.unseen(base, after, place)
            for where, old, new in trees.pairs(base, after, place):
                self._access(where, old, new, pair)
                self.drafts += findings.of_shifts(where, pair.path, shifts.unshiftable(old, new))
                self.drafts += findings.of_transforms(where, pair.path, macros.added(old, new))

    def _lost_with_stack(self, before: trees.Tree, place: StackLocation, whole: StackChange) -> None:
        """Say what goes with a stack that is deleted, besides its stores, of which the stack's own finding speaks."""
        for where, old, _ in trees.pairs(before, trees.NOTHING, place):
            for resource in old.resources.values():
                row = removed(resource)
                said_already = where == place and stateful.is_store(resource)
                if (row.data_loss or row.unknown_data) and not said_already:
                    located = replace(row, stage=where.stage, service=where.service, stack=where.stack)
                    lost = resource_findings.of_change(located, _join(whole.path, row.path))
                    self.drafts += findings.with_tombstone(lost, whole, self._removal_of(whole))
                    self.irreversible += irreversible.of_rows([located], ())

    def _rows(
        self, before: trees.Tree, after: trees.Tree, place: StackLocation, *, adopts: bool
    ) -> Iterator[ResourceChange]:
        values = {
            (where.stack, logical_id): resource.properties
            for where, _, template in trees.pairs(before, after, place)
            for logical_id, resource in template.resources.items()
        }
        for row in trees.compare(before, after, place, is_asset=self.is_asset):
            # A resource that is created has no properties to list, and may point elsewhere all the same.
            created = values.get((row.stack, row.logical_id)) if row.outcome is ResourceOutcome.CREATE else None
            pointing = replace(row, points_at=self._points_at(row, created))
            yield adoption.named(pointing) if adopts else pointing

    def _points_at(self, row: ResourceChange, created: Mapping[str, object] | None) -> tuple[str, ...]:
        pairs = [(None, created)] if created else [(each.old, each.new) for each in row.properties]
        found = {stage for old, new in pairs for stage in places.pointed_at(old, new, row.stage, self._environments)}
        return tuple(sorted(found)) if row.stage else ()

    def _add(self, rows: list[ResourceChange], path: str, secrets: set[str]) -> None:
        for row in rows:
            self.drafts += resource_findings.of_change(row, _join(path, row.path))
            self.assets += assets.changes(row, self.is_asset)
            self.changes.append(redact.change(row, secrets))

    def _access(self, place: StackLocation, old: ResolvedTemplate, new: ResolvedTemplate, pair: stacks.Pair) -> None:
        own = pair.either.place.account
        for found in access.changes(old, new, place):
            change = replace(found, evidence=redact.text(found.evidence, old.secrets | new.secrets))
            self.access.append(change)
            # The same grant in several environments is one finding; only the account has another number.
            said = replace(change, evidence=change.evidence.replace(f"account {own}", "its own account"))
            for draft in findings.of_access(said if own else change, _join(pair.path, change.path)):
                self.drafts.append(replace(draft, follows_stack=change.within_stack and pair.before is None))

    def _exports(self, before: trees.Tree, after: trees.Tree, place: StackLocation) -> None:
        for side, tree in zip(self.exports, (before, after), strict=True):
            for where, template, _ in trees.pairs(tree, tree, place):
                side.add(where, template)

    def _shape(
        self,
        place: StackLocation,
        path: str,
        old: ResolvedTemplate,
        new: ResolvedTemplate,
        rows: Sequence[ResourceChange],
        folders: tuple[Path | None, Path | None],
    ) -> None:
        """The pipeline's shape, if this is its stack. `folders`: where its templates lie, with files beside them."""
        pipelines = pipeline_shape.pipelines(old, new)
        before, after = (pipeline_shape.shape(each, side) for each, side in zip(pipelines, (old, new), strict=True))
        if before or after:
            restarts = any(row.type == PIPELINE for row in rows) or not (before and after)
            settings = [*pipeline_settings.changed(old, new, pipelines)]
            if before and after and not place.stage:
                settings += pipeline_settings.elsewhere(old, new, pipelines)
                settings += publishing.changed(old, new, folders)
                self.incomplete += publishing.unseen(old, new, folders)
            self.pipeline = pipeline_shape.compare(
                before, after, settings, self_mutates=bool(rows) or restarts, restarts=restarts
            )
            self._removals = removal_steps(pipelines[1], new)
            # A stack that goes as a whole says so itself.
            self._pipeline_path = path if new.resources else None

    def _protection(self, pair: stacks.Pair, place: StackLocation) -> None:
        if pair.before and pair.after and pair.before.protected and not pair.after.protected:
            self.drafts.append(findings.of_protection(place, pair.path))


def _place(pair: stacks.Pair) -> StackLocation:
    stack = pair.either
    return StackLocation(stage=stack.stage, service=stack.service, stack=stack.place.name)


def _folders(pair: stacks.Pair) -> tuple[Path | None, Path | None]:
    before, after = (stack.file.parent if stack else None for stack in (pair.before, pair.after))
    return before, after


def _has_same_content(pair: stacks.Pair) -> bool:
    """Tell whether both sides are one template; CloudFormation hands it back in another order.

    Of a stack with nested ones it does not tell: theirs may have been changed by themselves.
    """
    before, after = pair.before, pair.after
    if before is None or after is None or before.parameters != after.parameters:
        return False
    return before.content == after.content or (
        NESTED_STACK.encode() not in before.content + after.content and before.written == after.written
    )


def _join(path: str, below: str) -> str:
    return "/".join(part for part in (path, below) if part)
