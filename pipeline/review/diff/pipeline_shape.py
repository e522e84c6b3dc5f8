"""The pipeline as a shape: stages, actions, approvals and builds, before and after."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from pipeline.review.diff import redact
from pipeline.review.model import Action, Json, Pipeline, PipelineDifference, PipelineStage
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource

PIPELINE = "AWS::CodePipeline::Pipeline"
PROJECT = "AWS::CodeBuild::Project"
ASSETS_STAGE = "Assets"
"""CDK Pipelines' own; its jobs are numbered by the order of assets, so that their names say nothing."""
REMOVES = "Remove-"
"""Begins the name of a step that deletes the stack whose name follows."""
COMPARED = (
    ("provider", "provider"),
    ("image", "image"),
    ("privileged", "privilege"),
    ("role", "role"),
    ("variables", "variables"),
)
CONFIGURATION_HASH = "_PROJECT_CONFIG_HASH"
"""CDK Pipelines' own, so that a changed build of synth starts the run anew; the project says what has changed."""


def shape(template: ResolvedTemplate) -> tuple[PipelineStage, ...]:
    """Return the stages of the stack's pipeline, with its actions in running order."""
    found = next((each for each in template.resources.values() if each.type == PIPELINE), None)
    stages = found.properties.get("Stages") if found else None
    return tuple(_stage(stage, template) for stage in stages or () if isinstance(stage, Mapping))


def builds(template: ResolvedTemplate) -> Iterator[tuple[str, Resource]]:
    """Yield the name of each action that runs a build of the template, and the build."""
    found = next((each for each in template.resources.values() if each.type == PIPELINE), None)
    for stage in _named(found.properties.get("Stages")) if found else ():
        for action in _named(stage.get("Actions")):
            match action.get("Configuration"):
                case {"ProjectName": {"Ref": str(name)}} if name in template.resources:
                    yield action["Name"], template.resources[name]


def removed(stages: Iterable[PipelineStage]) -> set[str]:
    """Return the stacks that the pipeline deletes on purpose: pipeline/definition/steps.py names a step after each."""
    names = (action.name for stage in stages for action in stage.actions)
    return {name.rpartition(REMOVES)[2] for name in names if REMOVES in name}


def compare(
    before: tuple[PipelineStage, ...],
    after: tuple[PipelineStage, ...],
    settings: Iterable[PipelineDifference] = (),
    *,
    self_mutates: bool,
    restarts: bool,
) -> Pipeline:
    """Both, with what differs. `settings`: what does so besides the shape.

    `restarts`: whether the definition changes; no stage can be rolled back to another.
    """
    return Pipeline(
        before=before,
        after=after,
        differences=(*_differences(before, after), *settings),
        self_mutates=self_mutates,
        restarts=restarts,
        rollback_available=not restarts,
    )


def without_assets(properties: Mapping[str, Json]) -> Json:
    """Return a pipeline's properties without the stage that publishes assets."""
    stages = properties.get("Stages", ())
    kept = [each for each in stages if not (isinstance(each, Mapping) and each.get("Name") == ASSETS_STAGE)]
    return {**properties, "Stages": kept}


def without_renumbering(before: Mapping[str, Json], after: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the new properties with the old numbers of actions that only move up or down, in the same order."""
    old = {stage["Name"]: stage for stage in _named(before.get("Stages"))}
    stages = _named(after.get("Stages"))
    if not stages or len(stages) != len(after["Stages"]):
        return after
    kept = [_with_old_numbers(old[each["Name"]], each) if each["Name"] in old else each for each in stages]
    return {**after, "Stages": kept}


def _with_old_numbers(before: Mapping[str, Json], after: Mapping[str, Json]) -> Json:
    old, new = ({each["Name"]: each for each in _named(stage.get("Actions"))} for stage in (before, after))
    common = sorted(old.keys() & new.keys())
    if len(new) != len(after.get("Actions", ())) or [_rank(old, name, common) for name in common] != [
        _rank(new, name, common) for name in common
    ]:
        return after
    actions = [
        {**each, "RunOrder": old[each["Name"]].get("RunOrder", 1)} if each.get("Name") in common else each
        for each in after.get("Actions", ())
    ]
    return {**after, "Actions": actions}


def _rank(actions: Mapping[str, Mapping[str, Json]], name: str, among: Iterable[str]) -> int:
    """How many steps of those actions come before one of them."""
    numbers = {str(actions[each].get("RunOrder", 1)) for each in among}
    return sorted(numbers, key=lambda number: (len(number), number)).index(str(actions[name].get("RunOrder", 1)))


def _named(entries: Json) -> list[Mapping[str, Json]]:
    listed = entries if isinstance(entries, list) else []
    return [each for each in listed if isinstance(each, Mapping) and isinstance(each.get("Name"), str)]


def _stage(stage: Mapping[str, Json], template: ResolvedTemplate) -> PipelineStage:
    actions = [_action(each, template) for each in stage.get("Actions", ()) if isinstance(each, Mapping)]
    return PipelineStage(
        name=str(stage.get("Name", "")),
        actions=tuple(sorted(actions, key=lambda action: action.order)),
        entry_condition=json.dumps(stage["BeforeEntry"], sort_keys=True) if "BeforeEntry" in stage else "",
    )


def _action(action: Mapping[str, Json], template: ResolvedTemplate) -> Action:
    kind = action.get("ActionTypeId", {})
    configuration = action.get("Configuration", {})
    project = configuration.get("ProjectName")
    build = template.resources.get(project["Ref"]) if isinstance(project, Mapping) and "Ref" in project else None
    environment = build.properties.get("Environment", {}) if build and build.type == PROJECT else {}
    return Action(
        name=str(action.get("Name", "")),
        category=str(kind.get("Category", "")),
        provider=str(kind.get("Provider", "")),
        order=int(action.get("RunOrder", 1)),
        image=_text(environment.get("Image", "")),
        privileged=str(environment.get("PrivilegedMode", False)).lower() == "true",
        role=_text(build.properties.get("ServiceRole", "")) if build else "",
        variables=_variables(configuration.get("EnvironmentVariables", "[]")),
        target=_text(configuration.get("StackName", "")),
    )


def _variables(given: Json) -> str:
    """Return an action's variables as one text, without what may be a secret; as they stand if they are no list."""
    try:
        variables = [(str(each["name"]), str(each["value"])) for each in json.loads(given)]
    except (KeyError, TypeError, ValueError):
        return str(redact.value(_text(given)))
    return ", ".join(
        f"{name}={redact.value(value, name=name)}" for name, value in variables if name != CONFIGURATION_HASH
    )


def _differences(before: tuple[PipelineStage, ...], after: tuple[PipelineStage, ...]) -> Iterator[PipelineDifference]:
    old, new = {stage.name: stage for stage in before}, {stage.name: stage for stage in after}
    if not old:
        return  # a new pipeline takes nothing away
    for stage in before:
        if stage.name == ASSETS_STAGE:
            continue
        if stage.name not in new:
            yield PipelineDifference(stage=stage.name, action="", what="stage removed", old=_names(stage))
            yield from (
                PipelineDifference(stage=stage.name, action=action.name, what="approval removed")
                for action in stage.actions
                if action.is_approval
            )
    for stage in after:
        if stage.name == ASSETS_STAGE:
            continue
        if stage.name not in old:
            yield PipelineDifference(stage=stage.name, action="", what="stage added", new=_names(stage))
        else:
            yield from _in_stage(old[stage.name], stage, gate=_new_gate(stage, after, old))
    kept_before, kept_after = [name for name in old if name in new], [name for name in new if name in old]
    if kept_before != kept_after:
        yield PipelineDifference(
            stage="", action="", what="order changed", old=" → ".join(kept_before), new=" → ".join(kept_after)
        )


def _new_gate(stage: PipelineStage, after: tuple[PipelineStage, ...], old: Mapping[str, PipelineStage]) -> str:
    """Return the new stage right before a stage that has nothing but approvals and lets the same runs past; or empty.

    Whatever an approval within the stage held back, that one holds back too.
    """
    position = after.index(stage)
    gate = after[position - 1] if position else stage
    is_gate = bool(gate.actions) and all(action.is_approval for action in gate.actions)
    return gate.name if is_gate and gate.name not in old and gate.entry_condition == stage.entry_condition else ""


def _in_stage(before: PipelineStage, after: PipelineStage, *, gate: str) -> Iterator[PipelineDifference]:
    old, new = {each.name: each for each in before.actions}, {each.name: each for each in after.actions}
    yield from (_removed_action(each, before.name, gate=gate) for name, each in old.items() if name not in new)
    for name, action in new.items():
        if name not in old:
            what = "approval added" if action.is_approval else "action added"
            yield PipelineDifference(stage=before.name, action=name, what=what, new=action.provider)
            continue
        for attribute, word in COMPARED:
            left, right = getattr(old[name], attribute), getattr(action, attribute)
            if left != right:
                yield PipelineDifference(
                    stage=before.name, action=name, what=f"{word} changed", old=str(left), new=str(right)
                )
    common = old.keys() & new.keys()
    for name in sorted(common):
        let_go = [
            each for each in sorted(_held_back(old[name], before) & common) if each not in _held_back(new[name], after)
        ]
        if let_go:
            yield PipelineDifference(stage=before.name, action=name, what="approval removed", old=", ".join(let_go))
    orders = [_order([each for each in side.actions if each.name in common]) for side in (before, after)]
    if orders[0] != orders[1]:
        yield PipelineDifference(
            stage=before.name, action="", what="order changed", old=" → ".join(orders[0]), new=" → ".join(orders[1])
        )


def _removed_action(action: Action, stage: str, *, gate: str) -> PipelineDifference:
    if action.is_approval and gate:
        return PipelineDifference(stage=stage, action=action.name, what="approval moved", old=stage, new=gate)
    what = "approval removed" if action.is_approval else "action removed"
    return PipelineDifference(stage=stage, action=action.name, what=what, old=action.provider)


def _held_back(approval: Action, stage: PipelineStage) -> set[str]:
    """What waits for an approval. One that runs beside or after an action approves nothing."""
    return {each.name for each in stage.actions if approval.is_approval and each.order > approval.order}


def _order(actions: list[Action]) -> list[str]:
    """Names in running order, those that run side by side as one."""
    return [
        ", ".join(sorted(action.name for action in group))
        for _, group in groupby(sorted(actions, key=lambda action: action.order), key=lambda action: action.order)
    ]


def _names(stage: PipelineStage) -> str:
    return ", ".join(action.name for action in stage.actions)


def _text(value: Json) -> str:
    """A value or the logical id that it refers to."""
    if isinstance(value, Mapping):
        if "Ref" in value:
            return str(value["Ref"])
        if isinstance(value.get("Fn::GetAtt"), list):
            return str(value["Fn::GetAtt"][0])
    return value if isinstance(value, str) else "" if value is None else str(value)
