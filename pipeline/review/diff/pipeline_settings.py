"""Every property of the pipeline and of its builds that differs, but for a few that decide nothing.

What the shape has a word for (approvals, order, images, roles, variables) is `pipeline_shape.py`'s.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from difflib import Differ
from typing import Any

from pipeline.review.diff import cosmetic_changes, redact
from pipeline.review.diff.compare import differences
from pipeline.review.diff.pipeline_shape import ASSETS_STAGE, PIPELINE, PROJECT
from pipeline.review.model import Json, PipelineDifference
from services.library.cloudformation.policy_text import policy_text
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import is_function, is_same

COMMANDS = "commands changed"
MADE_ANEW = "pipeline deleted, and another one made"
PROJECT_NAME = "Configuration.ProjectName"
HARMLESS = {
    PIPELINE: frozenset({"Tags"}),
    PROJECT: frozenset({"Description", "Tags", "Environment.ComputeType"}),
    "stage": frozenset({"Name"}),
    "action": frozenset({"Name", "Namespace"}),
}
"""What may change without a word: labels, the size of a build's machine, names by which others are found anyway."""
SHAPE = {
    PIPELINE: frozenset({"Stages"}),
    PROJECT: frozenset({"Environment.Image", "Environment.PrivilegedMode", "ServiceRole"}),
    "stage": frozenset({"Actions"}),
    "action": frozenset({"ActionTypeId.Provider", "RunOrder", "Configuration.EnvironmentVariables", PROJECT_NAME}),
}
"""What the shape compares itself; of a build, only where an action runs it."""
ACCESS = ("AWS::IAM::", "AWS::KMS::", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
"""Begins the types that are nothing but access, which is compared by what it allows."""


Pipelines = tuple[Resource | None, Resource | None]
"""The pipeline on both sides."""


def changed(before: ResolvedTemplate, after: ResolvedTemplate, pipelines: Pipelines) -> Iterator[PipelineDifference]:
    """Yield what differs in a pipeline that both sides have, and in its builds."""
    old, new = pipelines
    if old is None or new is None:
        return
    if old.logical_id != new.logical_id:
        yield PipelineDifference(stage="", action="", what=MADE_ANEW, old=old.logical_id, new=new.logical_id)
    if old.condition != new.condition:
        yield PipelineDifference(stage="", action="", what="Condition changed", old=old.condition, new=new.condition)
    yield from _parts(PIPELINE, old.properties, new.properties, "", "")
    stages, others = _by_name(old.properties.get("Stages")), _by_name(new.properties.get("Stages"))
    for name in [each for each in stages if each in others]:
        yield from _parts("stage", stages[name], others[name], name, "")
        actions, more = _by_name(stages[name].get("Actions")), _by_name(others[name].get("Actions"))
        if name == ASSETS_STAGE:
            yield from _beside_assets(actions, more, after)
        else:
            for action in [each for each in actions if each in more]:
                runs = _runs(actions[action], before), _runs(more[action], after)
                skipped = SHAPE["action"] if all(runs) else SHAPE["action"] - {PROJECT_NAME}
                yield from _parts("action", actions[action], more[action], name, action, skipped)
    yield from _builds(before, after, pipelines)


def _beside_assets(
    before: Mapping[str, Any], after: Mapping[str, Any], template: ResolvedTemplate
) -> Iterator[PipelineDifference]:
    """Actions of the stage for assets that publish none: the others are numbered, and come and go with the assets."""
    for name, action in after.items():
        build = template.resources.get(_runs(action, template))
        publishes = build is not None and cosmetic_changes.is_publishing(build)
        if not publishes and not is_same(before.get(name), action):
            yield PipelineDifference(stage=ASSETS_STAGE, action=name, what="action that publishes nothing")


def elsewhere(before: ResolvedTemplate, after: ResolvedTemplate, pipelines: Pipelines) -> Iterator[PipelineDifference]:
    """Yield what differs in the rest of the pipeline's stack, such as what starts a run or tells of a failure."""
    old_uses, new_uses = (_uses(each, side) for each, side in zip(pipelines, (before, after), strict=True))
    said = {*old_uses.values(), *new_uses.values(), *(each.logical_id for each in pipelines if each)}
    for name in {**before.resources, **after.resources}:
        old, new = before.resources.get(name), after.resources.get(name)
        resource = new or old
        if resource is None or name in said or resource.type.startswith(ACCESS):
            continue
        if resource.type == PROJECT and (cosmetic_changes.is_publishing(resource) or (old and new)):
            continue  # `publishing` and `_builds` speak of these
        path = resource.path.removesuffix("/Resource")
        if old is None or new is None:
            state = "removed" if old else "added"
            yield PipelineDifference(stage="", action=path, what=f"{resource.type} {state}")
            continue
        for each in differences(old.properties, new.properties):
            if each.path[:1] != ("Tags",):
                what = f"{resource.type} {'.'.join(each.path)} changed"
                yield PipelineDifference(stage="", action=path, what=what, old=_shown(each.old), new=_shown(each.new))


def commands_compared(old: str, new: str) -> str:
    """Return all commands of both sides, a line each, with what goes after a minus and what comes after a plus."""
    lines = Differ().compare(old.splitlines(), new.splitlines())
    return "\n".join(line.rstrip() for line in lines if not line.startswith("?"))


def commands(build: Mapping[str, Any]) -> list[str]:
    """Return the commands of a build, by its properties, a line each with its phase; none if they cannot be read."""
    source = build.get("Source")
    spec = _spec(source.get("BuildSpec")) if isinstance(source, Mapping) else None
    return [*_lines(spec)] if spec else []


def _builds(before: ResolvedTemplate, after: ResolvedTemplate, pipelines: Pipelines) -> Iterator[PipelineDifference]:
    """The builds that both sides have, each named by the one action that runs it, or by its path."""
    old_uses, new_uses = (_uses(each, side) for each, side in zip(pipelines, (before, after), strict=True))
    pairs = {name: name for name in before.resources if name in after.resources}
    pairs |= {old: new_uses[place] for place, old in old_uses.items() if place in new_uses}
    for old_name, new_name in pairs.items():
        old, new = before.resources.get(old_name), after.resources.get(new_name)
        if old is None or new is None or old.type != PROJECT or new.type != PROJECT:
            continue
        places = [place for place, name in new_uses.items() if name == new_name]
        stage, action = places[0] if len(places) == 1 else ("", new.path.removesuffix("/Resource"))
        skipped: Collection[str] = SHAPE[PROJECT] if places else ()
        if cosmetic_changes.is_publishing(new) and all(where == ASSETS_STAGE for where, _ in places):
            skipped = ("Source",)  # `publishing` compares what these run
        yield from _parts(PROJECT, old.properties, new.properties, stage, action, skipped)


def _uses(pipeline: Resource | None, template: ResolvedTemplate) -> dict[tuple[str, str], str]:
    """(stage, action) -> logical id of the build that it runs."""
    found = {}
    for stage, body in _by_name(pipeline.properties.get("Stages") if pipeline else None).items():
        for action, given in _by_name(body.get("Actions")).items():
            if name := _runs(given, template):
                found[stage, action] = name
    return found


def _runs(action: Mapping[str, Any], template: ResolvedTemplate) -> str:
    """The logical id of the template's build that an action runs; empty if it runs none, or one of others."""
    match action.get("Configuration"):
        case {"ProjectName": {"Ref": str(name)}} if name in template.resources:
            return name
    return ""


def _parts(
    kind: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    stage: str,
    action: str,
    skipped: Collection[str] | None = None,
) -> Iterator[PipelineDifference]:
    left_out = {*HARMLESS[kind], *(SHAPE[kind] if skipped is None else skipped)}
    for each in differences(_without(old, left_out), _without(new, left_out)):
        path = ".".join(each.path)
        if path == "Source.BuildSpec":
            yield from _commands(each.old, each.new, stage, action)
        else:
            yield PipelineDifference(
                stage=stage, action=action, what=f"{path} changed", old=_shown(each.old), new=_shown(each.new)
            )


def _commands(old: Json, new: Json, stage: str, action: str) -> Iterator[PipelineDifference]:
    """A build's commands as they stand, and whatever else its buildspec says, part by part."""
    before, after = _spec(old), _spec(new)
    if before is None or after is None:
        yield PipelineDifference(stage=stage, action=action, what=COMMANDS, old=_shown(old), new=_shown(new))
        return
    left, right = ("\n".join(_lines(each)) for each in (before, after))
    if left != right:
        yield PipelineDifference(stage=stage, action=action, what=COMMANDS, old=left, new=right)
    for each in differences(_without_commands(before), _without_commands(after)):
        what = f"buildspec's {'.'.join(each.path)} changed"
        yield PipelineDifference(stage=stage, action=action, what=what, old=_shown(each.old), new=_shown(each.new))


def _without_commands(spec: Mapping[str, Any]) -> dict[str, Any]:
    return _without(spec, {f"phases.{phase}.commands" for phase in _phases(spec)})


def _lines(spec: Mapping[str, Any]) -> Iterator[str]:
    for phase, body in _phases(spec).items():
        commands = body.get("commands") if isinstance(body, Mapping) else None
        for command in commands if isinstance(commands, list) else [commands] if commands else []:
            for line in redact.text(policy_text(command)).splitlines():
                yield f"{phase}: {line}"


def _phases(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    phases = spec.get("phases")
    return phases if isinstance(phases, Mapping) else {}


def _spec(value: Json) -> Mapping[str, Any] | None:
    """A buildspec that is written as JSON, as the CDK does; with references of the template in it, as they stand."""
    if isinstance(value, Mapping):
        value = policy_text(value)
    try:
        spec = json.loads(value, strict=False)
    except (TypeError, ValueError):
        return None
    return spec if isinstance(spec, Mapping) else None


def _without(given: Mapping[str, Any], paths: Collection[str], above: str = "") -> dict[str, Any]:
    return {
        key: _without(each, paths, f"{above}{key}.") if isinstance(each, dict) and not is_function(each) else each
        for key, each in given.items()
        if f"{above}{key}" not in paths
    }


def _by_name(entries: Json) -> dict[str, Mapping[str, Any]]:
    listed = entries if isinstance(entries, list) else []
    return {str(each.get("Name", "")): each for each in listed if isinstance(each, Mapping)}


def _shown(value: Json) -> str:
    """A value for people, without what may be a secret."""
    if value is None:
        return ""
    if isinstance(value, list) or (isinstance(value, Mapping) and not is_function(value)):
        return json.dumps(redact.value(value), sort_keys=True)
    return redact.text(policy_text(value))
