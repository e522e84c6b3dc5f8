"""What a deployment would do with each resource of a stack."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipeline.review.diff import conditional_updates, cosmetic_changes, pipeline_shape, stateful
from pipeline.review.diff.cascade import cascade
from pipeline.review.diff.compare import Difference, differences
from pipeline.review.diff.ending_data import ending_data
from pipeline.review.diff.replacement import impact
from pipeline.review.model import PropertyChange, ResourceChange, ResourceOutcome
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import canonical, is_same, references, rename_references

METADATA_TYPE = "AWS::CDK::Metadata"
NESTED_TYPE = "AWS::CloudFormation::Stack"
REPLACES = frozenset({ResourceOutcome.REPLACE, ResourceOutcome.MAY_REPLACE})
ATTRIBUTES = ("DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy")


def changes(
    before: ResolvedTemplate,
    after: ResolvedTemplate,
    *,
    is_asset: cosmetic_changes.IsAsset,
    moved: Mapping[str, ResourceOutcome] | None = None,
) -> list[ResourceChange]:
    """Return one change for each resource that is not as it was, in the order of the templates.

    `moved`: names that refer to resources outside which are replaced, such as a nested stack's parameters.
    """
    revised = cosmetic_changes.revisions(before, after)
    was = {old: new for new, old in revised.items()}
    renaming: dict[str, ResourceChange] = {}
    if revised:
        renaming = {row.logical_id: row for row in _renaming(before, after, revised)}
        after = _with_old_names(after, revised)
    rows: dict[str, ResourceChange] = {}
    for logical_id in {**before.resources, **after.resources}:
        old, new = before.resources.get(logical_id), after.resources.get(logical_id)
        if logical_id in was or logical_id in revised:
            rows[logical_id] = _revision(before, after, logical_id, was.get(logical_id) or revised[logical_id])
        elif old is None and new is not None:
            rows[logical_id] = _created(new)
        elif new is None and old is not None:
            rows[logical_id] = removed(old)
        elif old is not None and new is not None:
            row = _changed(old, new, is_asset) or renaming.get(logical_id)
            if row:
                rows[logical_id] = row
    _pair(rows, before, after)
    return cascade(rows, before, after, moved or {})


def _created(new: Resource) -> ResourceChange:
    return ResourceChange(
        logical_id=new.logical_id,
        path=new.path,
        type=new.type,
        outcome=ResourceOutcome.NONE if new.type == METADATA_TYPE else ResourceOutcome.CREATE,
        noise=cosmetic_changes.METADATA if new.type == METADATA_TYPE else _publishing(new),
    )


def removed(old: Resource) -> ResourceChange:
    """Return what becomes of a resource that leaves its stack, or goes with it.

    The deployed template's policy decides, which is the old one's.
    """
    outcome = {"Retain": ResourceOutcome.ORPHAN, "Snapshot": ResourceOutcome.SNAPSHOT}.get(
        stateful.on_deletion(old), ResourceOutcome.DESTROY
    )
    return ResourceChange(
        logical_id=old.logical_id,
        path=old.path,
        type=old.type,
        outcome=ResourceOutcome.NONE if old.type == METADATA_TYPE else outcome,
        data_loss=stateful.lost_by_deletion(old),
        unknown_data=outcome is ResourceOutcome.DESTROY and stateful.is_unknown(old) and not stateful.is_protected(old),
        is_protected=outcome is ResourceOutcome.DESTROY and stateful.is_protected(old),
        noise=cosmetic_changes.METADATA if old.type == METADATA_TYPE else _publishing(old),
    )


def _publishing(resource: Resource) -> str:
    return cosmetic_changes.PUBLISHING if cosmetic_changes.is_publishing(resource) else ""


def _revision(before: ResolvedTemplate, after: ResolvedTemplate, logical_id: str, other: str) -> ResourceChange:
    """One half of a revision that goes and one that comes, for the same thing."""
    resource = before.resources.get(logical_id) or after.resources[logical_id]
    return ResourceChange(
        logical_id=logical_id,
        path=resource.path,
        type=resource.type,
        outcome=ResourceOutcome.NONE,
        noise=cosmetic_changes.REVISIONS[resource.type][1],
        paired_with=other,
    )


def _renaming(
    before: ResolvedTemplate, after: ResolvedTemplate, revised: Mapping[str, str]
) -> Iterator[ResourceChange]:
    """What names a revision, such as an alias, and changes in nothing but that."""
    for logical_id, resource in after.resources.items():
        named = next((name for name, _ in references(resource.properties) if name in revised), None)
        if named and logical_id in before.resources:
            yield ResourceChange(
                logical_id=logical_id,
                path=resource.path,
                type=resource.type,
                outcome=ResourceOutcome.NONE,
                noise=cosmetic_changes.REVISIONS[after.resources[named].type][1],
            )


def _changed(old: Resource, new: Resource, is_asset: cosmetic_changes.IsAsset) -> ResourceChange | None:
    if old is new:
        return None
    if old.type != new.type:
        row = PropertyChange(path="Type", old=old.type, new=new.type, impact=ResourceOutcome.REPLACE)
        return _row(old, new, [row], reasons={""})
    properties, reasons = [], set()
    for difference in _differences(old, new):
        judged = conditional_updates.exception(old, new, difference) or impact(new.type, difference)
        properties.append(
            PropertyChange(
                path=".".join(difference.path) or "Properties",
                old=difference.old,
                new=difference.new,
                impact=judged.outcome,
                sources=judged.sources,
                keyed_path=".".join(difference.keyed_path) if difference.keyed_path != difference.path else "",
            )
        )
        reasons.add(_reason(new, difference, is_asset))
    if new.type == pipeline_shape.PIPELINE and _same_but_for_assets(old, new):
        reasons = {cosmetic_changes.PUBLISHING}
    attributes = list(_attributes(old, new))
    if attributes:
        reasons.add("")
    return _row(old, new, [*properties, *attributes], reasons) if properties or attributes else None


def _differences(old: Resource, new: Resource) -> list[Difference]:
    """What differs; of a pipeline not that actions are numbered anew, unless nothing else does."""
    if new.type == pipeline_shape.PIPELINE:
        renumbered = pipeline_shape.without_renumbering(old.properties, new.properties)
        if found := [*differences(old.properties, renumbered)]:
            return found
    return [*differences(old.properties, new.properties)]


def _same_but_for_assets(old: Resource, new: Resource) -> bool:
    return is_same(pipeline_shape.without_assets(old.properties), pipeline_shape.without_assets(new.properties))


def _row(old: Resource, new: Resource, properties: list[PropertyChange], reasons: set[str]) -> ResourceChange:
    outcome = max((each.impact for each in properties), key=lambda each: each.rank)
    reason = next(iter(reasons)) if len(reasons) == 1 else ""
    replaces = outcome is not ResourceOutcome.WILL_FAIL and any(
        each.impact in REPLACES and not _is_unknown(each) for each in properties
    )
    return ResourceChange(
        logical_id=new.logical_id,
        path=new.path,
        type=new.type,
        outcome=ResourceOutcome.NONE if new.type == METADATA_TYPE else outcome,
        data_loss=replaces and stateful.lost_by_replacement(old, new),
        unknown_data=replaces and stateful.goes_unknown(old, new),
        guard_dropped=_guard_dropped(old, new),
        ending_data=ending_data(old, new) if old.type == new.type else (),
        noise=cosmetic_changes.METADATA if new.type == METADATA_TYPE else reason,
        properties=tuple(properties),
    )


def _is_unknown(property_: PropertyChange) -> bool:
    """A property that the sources lag behind on is worth a look, and no reason to expect a loss."""
    return any(source.startswith("neither source") for source in property_.sources)


def _reason(resource: Resource, difference: Difference, is_asset: cosmetic_changes.IsAsset) -> str:
    if cosmetic_changes.is_publishing(resource) and difference.path[:1] == ("Source",):
        return cosmetic_changes.PUBLISHING
    if is_same(cosmetic_changes.erased(difference.old, is_asset), cosmetic_changes.erased(difference.new, is_asset)):
        return cosmetic_changes.NESTED if resource.type == NESTED_TYPE else cosmetic_changes.CODE
    return ""


def _attributes(old: Resource, new: Resource) -> Iterator[PropertyChange]:
    for name in ATTRIBUTES:
        left, right = old.body.get(name), new.body.get(name)
        if not is_same(left, right):
            yield PropertyChange(path=name, old=left or None, new=right or None, impact=ResourceOutcome.UPDATE)
    if old.condition != new.condition:
        # Unconditional before, or for another reason: the resource may go. Unconditional now: it can only come.
        yield PropertyChange(
            path="Condition",
            old=old.condition or None,
            new=new.condition or None,
            impact=ResourceOutcome.MAY_REPLACE if new.condition else ResourceOutcome.UPDATE,
            sources=("the condition cannot be decided before the deployment",),
        )


def _guard_dropped(old: Resource, new: Resource) -> bool:
    return stateful.is_guarded(new) and (
        (stateful.on_deletion(old) != "Delete" and stateful.on_deletion(new) == "Delete")
        or (stateful.on_replacement(old) != "Delete" and stateful.on_replacement(new) == "Delete")
        or (stateful.is_protected(old) and not stateful.is_protected(new))
    )


def _with_old_names(after: ResolvedTemplate, revised: Mapping[str, str]) -> ResolvedTemplate:
    resources = {
        logical_id: replace(
            resource, body={**resource.body, "Properties": rename_references(resource.properties, revised)}
        )
        for logical_id, resource in after.resources.items()
    }
    return replace(after, resources=resources, outputs=rename_references(after.outputs, revised))


def _pair(rows: dict[str, ResourceChange], before: ResolvedTemplate, after: ResolvedTemplate) -> None:
    """Find the two halves of a rename: to CloudFormation it is a deletion and a creation."""
    gone = [id_ for id_ in rows if id_ not in after.resources and not rows[id_].paired_with]
    come = [id_ for id_ in rows if id_ not in before.resources and not rows[id_].paired_with]
    for alike in (_same_place, _same_properties, _same_store):
        for old_id in [each for each in gone if not rows[each].paired_with]:
            old = before.resources[old_id]
            candidates = [
                new_id
                for new_id in come
                if not rows[new_id].paired_with
                and after.resources[new_id].type == old.type
                and alike(old, after.resources[new_id])
            ]
            if len(candidates) == 1:
                rows[old_id] = replace(rows[old_id], paired_with=candidates[0])
                rows[candidates[0]] = replace(rows[candidates[0]], paired_with=old_id)


def _same_place(old: Resource, new: Resource) -> bool:
    return old.path == new.path


def _same_properties(old: Resource, new: Resource) -> bool:
    return bool(old.properties) and canonical(old.properties) == canonical(new.properties)


def _same_store(old: Resource, new: Resource) -> bool:
    """The one store of its type that goes and the one that comes."""
    return stateful.is_store(old) and stateful.is_store(new)
