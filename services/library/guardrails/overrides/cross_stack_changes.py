"""What an override changes in stacks that are not its service's own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.library.cloudformation.template import CDK_METADATA, Json, Resource, Template
from services.library.contract.build_record import OverriddenStack
from services.library.guardrails.baseline.guard import OTHER_STACK
from services.library.guardrails.finding import Finding
from services.library.guardrails.overrides import rebuild
from services.library.guardrails.overrides.rebuild import Key, Templates, changed, locate, of_stack

REFERENCE = "ExportsOutput"
"""How the CDK calls an output that it makes for a reference from another stack."""
SHOWN = 3
"""So many of the changed resources are named."""


def cross_stack_changes(overridden: OverriddenStack, before: Templates, after: Templates) -> Iterator[Finding]:
    """Find each stack that the override has added, changed or taken away beside its own.

    `before` and `after` are the whole App without and with it. A service is built in an App of its own, where no other
    service's stack is within reach: these are stacks that the override makes, and those that support its own.
    """
    own = overridden.stack.node.path
    beside = {path for path in {*before, *after} if not f"{path}/".startswith(f"{own}/")}
    paths = {path for path in beside if _content(path, before) != _content(path, after)}
    lines = rebuild.lines_of(overridden) if paths else []
    located = locate(
        lines, lambda count: _changed_in(rebuild.up_to_line(overridden, count), before, paths), map(_key, paths)
    )
    for path in sorted(paths):
        was, now = of_stack(path, before), of_stack(path, after)
        names = [each.removeprefix(f"{path}/") for each in changed(was, now)] or [*_beside_resources(was, now)]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        source = overridden.source
        yield OTHER_STACK.broken_by(
            Resource(logical_id="", type="", path=path, body={}),
            Template({}, file=(now or was)[0].file),
            what=f"It changes {', '.join(names[:SHOWN]) or 'the stack itself'}{more}. The override {source.name} does"
            f" this at {source.file}:{located.get(_key(path), source.line)}.",
        )


def _key(path: str) -> Key:
    return OTHER_STACK.id, path


def _changed_in(made: Templates, before: Templates, paths: Iterable[str]) -> set[Key]:
    return {_key(path) for path in paths if _content(path, made) != _content(path, before)}


def _content(path: str, templates: Mapping[str, Sequence[Template]]) -> list[tuple[object, bool | None]]:
    """Take what is deployed; the file lies elsewhere in another synth, where the CDK says nothing of its own use."""
    return [(_without_metadata(each.body), each.termination_protection) for each in of_stack(path, templates)]


def _beside_resources(before: Sequence[Template], after: Sequence[Template]) -> Iterator[str]:
    """Name what differs where no resource does."""
    if [each.termination_protection for each in before] != [each.termination_protection for each in after]:
        yield "the termination protection"
    was, now = (
        {
            (section, name): value
            for template in side
            for section, its in _without_metadata(template.body).items()
            if section != "Resources"
            for name, value in (its.items() if isinstance(its, Mapping) else [("", its)])
        }
        for side in (before, after)
    )
    for section, name in sorted(was.keys() | now.keys()):
        if was.get((section, name)) != now.get((section, name)):
            said = f"the {section.removesuffix('s').lower()} {name}".rstrip()
            made = section == "Outputs" and name.startswith(REFERENCE)
            yield f"{said}, by which another stack refers to its resource" if made else said


def _without_metadata(body: Json) -> Json:
    resources = {name: each for name, each in body.get("Resources", {}).items() if each.get("Type") not in CDK_METADATA}
    conditions = {name: each for name, each in body.get("Conditions", {}).items() if name not in CDK_METADATA}
    return {**body, "Resources": resources, "Conditions": conditions}
