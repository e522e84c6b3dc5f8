"""One stack with its nested ones, resolved, and what happens to all of their resources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.review.diff import cosmetic_changes
from pipeline.review.diff.changes import changes
from pipeline.review.model import Json, ResourceChange, ResourceOutcome, StackLocation
from pipeline.review.read import assembly
from services.library.cloudformation.resolved_template import EMPTY, ResolvedTemplate, resolve
from services.library.cloudformation.template import Template
from services.library.cloudformation.values import is_same, references

Moved = Mapping[str, ResourceOutcome]
FROM_ELSEWHERE = frozenset({"AWS::CloudFormation::StackSet", "AWS::ServiceCatalog::CloudFormationProvisionedProduct"})
"""Types that deploy a template which is never at hand: to other accounts, or of a catalogue."""
MOVES = frozenset({ResourceOutcome.REPLACE, ResourceOutcome.MAY_REPLACE})


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A template and, by logical id, those of its nested stacks."""

    template: ResolvedTemplate
    nested: Mapping[str, "Tree"] = field(default_factory=dict)


NOTHING = Tree(template=EMPTY)


def grow(stack: assembly.Stack, like: Tree = NOTHING) -> Tree:
    """Return a stack's tree. `like`: the other side's, with which it shares the resources that are the same."""
    return _grow(stack, stack.body, stack.file, stack.resolve(like.template), (), like)


def _grow(
    stack: assembly.Stack,
    body: Mapping[str, Json],
    own: Path,
    template: ResolvedTemplate,
    around: tuple[Path, ...],
    like: Tree,
) -> Tree:
    """`around`: the files of the stacks that a nested one lies in. What cannot be read is none, which `unseen` says."""
    found = {}
    for logical_id, file in assembly.nested(own.parent, body):
        parent = template.resources.get(logical_id)
        if parent is None or file in (own, *around) or len(around) >= assembly.MOST_NESTED:
            continue
        parameters = parent.properties.get("Parameters")
        try:
            inner = assembly.read_template(file.read_bytes(), file.name)
        except (OSError, assembly.UnreadableError):
            continue
        other = like.nested.get(logical_id, NOTHING)
        resolved = resolve(
            Template(inner, stack_path=stack.path),
            account=stack.place.account,
            region=stack.place.region,
            parameters=parameters if isinstance(parameters, Mapping) else {},
            like=other.template,
        )
        found[logical_id] = _grow(stack, inner, file, resolved, (*around, own), other)
    return Tree(template=template, nested=found)


def pairs(
    before: Tree, after: Tree, place: StackLocation
) -> Iterator[tuple[StackLocation, ResolvedTemplate, ResolvedTemplate]]:
    """Yield each pair of templates in two trees, with where it is."""
    yield place, before.template, after.template
    for logical_id in {**before.nested, **after.nested}:
        inner = replace(place, stack=f"{place.stack}/{logical_id}")
        yield from pairs(before.nested.get(logical_id, NOTHING), after.nested.get(logical_id, NOTHING), inner)


def unseen(before: Tree, after: Tree, place: StackLocation) -> Iterator[str]:
    """Yield a sentence for each nested stack that comes, goes or changes and whose template is not at hand."""
    for logical_id in {**before.template.resources, **after.template.resources}:
        old, new = before.template.resources.get(logical_id), after.template.resources.get(logical_id)
        lacks = any(
            each is not None
            and (each.type in FROM_ELSEWHERE or (each.type == assembly.NESTED_STACK and logical_id not in tree.nested))
            for tree, each in ((before, old), (after, new))
        )
        if lacks and not (old and new and is_same(old.properties, new.properties)):
            types = {each.type for each in (old, new) if each}
            kind = "a nested stack of" if assembly.NESTED_STACK in types else "which deploys stacks, in"
            nested = f"{logical_id}, {kind} {place.stack or 'the template'},"
            yield f"The template of {nested} is not at hand: what it changes is not known."
    for logical_id in {**before.nested, **after.nested}:
        inner = replace(place, stack=f"{place.stack}/{logical_id}")
        yield from unseen(before.nested.get(logical_id, NOTHING), after.nested.get(logical_id, NOTHING), inner)


def compare(
    before: Tree, after: Tree, place: StackLocation, *, is_asset: cosmetic_changes.IsAsset, moved: Moved | None = None
) -> list[ResourceChange]:
    """Return what happens to the resources of both, nested ones after those of the stack that has them.

    A replacement goes into a nested stack by its parameters and comes out by its outputs, until nothing more follows.
    """
    nested = {**before.nested, **after.nested}
    passed: dict[str, Moved] = {logical_id: _other_parameters(before, after, logical_id) for logical_id in nested}
    while True:
        inside = {id_: _nested(before, after, id_, place, is_asset, passed[id_]) for id_ in nested}
        outputs = {
            logical_id: ResourceOutcome.MAY_REPLACE
            for logical_id, rows in inside.items()
            if logical_id in after.nested and _gives_away(after.nested[logical_id].template, rows)
        }
        rows = changes(before.template, after.template, is_asset=is_asset, moved={**(moved or {}), **outputs})
        outcomes = {row.logical_id: row.outcome for row in rows}
        further: dict[str, Moved] = {id_: {**passed[id_], **_passed_on(after, id_, outcomes)} for id_ in nested}
        if further == passed:
            break
        passed = further
    found = [replace(row, stage=place.stage, service=place.service, stack=place.stack) for row in rows]
    for logical_id, inner in inside.items():
        if outcomes.get(logical_id) is not ResourceOutcome.ORPHAN:  # that stays as it is, with everything in it
            found += inner
    return found


def _nested(
    before: Tree, after: Tree, logical_id: str, place: StackLocation, is_asset: cosmetic_changes.IsAsset, moved: Moved
) -> list[ResourceChange]:
    return compare(
        before.nested.get(logical_id, NOTHING),
        after.nested.get(logical_id, NOTHING),
        replace(place, stack=f"{place.stack}/{logical_id}"),
        is_asset=is_asset,
        moved=moved,
    )


def _other_parameters(before: Tree, after: Tree, logical_id: str) -> dict[str, ResourceOutcome]:
    """Parameters that the parent now fills by another reference, whose value only the deployment knows."""
    old, new = _parameters(before, logical_id), _parameters(after, logical_id)
    return {
        name: ResourceOutcome.REPLACE
        for name, value in new.items()
        if name in old and isinstance(value, Mapping) and not is_same(old[name], value)
    }


def _passed_on(after: Tree, logical_id: str, outcomes: Mapping[str, ResourceOutcome]) -> dict[str, ResourceOutcome]:
    """Parameters that name something of the parent's that is replaced."""
    found = {}
    for name, value in _parameters(after, logical_id).items():
        moves = [outcomes[id_] for id_, _ in references(value) if outcomes.get(id_) in MOVES]
        if moves:
            found[name] = max(moves, key=lambda outcome: outcome.rank)
    return found


def _parameters(tree: Tree, logical_id: str) -> Mapping[str, Json]:
    resource = tree.template.resources.get(logical_id)
    parameters = resource.properties.get("Parameters") if resource else None
    return parameters if isinstance(parameters, Mapping) else {}


def _gives_away(template: ResolvedTemplate, rows: list[ResourceChange]) -> bool:
    """Whether an output names something that is replaced inside."""
    moves = {row.logical_id for row in rows if row.outcome in MOVES}
    return bool(moves) and any(name in moves for name, _ in references(dict(template.outputs)))
