"""What a well-shaped pipeline must also satisfy: AWS's structure rules, and what this local cloud can execute.

https://docs.aws.amazon.com/codepipeline/latest/userguide/pipeline-requirements.html
"""

from collections import Counter
from collections.abc import Iterable

from pipeline.local.cloud.codepipeline.declaration import (
    OPERATORS,
    VARIABLE,
    Action,
    Declaration,
    InvalidDeclarationError,
    Json,
    parse,
)
from pipeline.local.cloud.codepipeline.providers import PROVIDERS, Provider

NOT_EMULATED = "the local cloud does not emulate"


def checked(pipeline: Json, region: str) -> Declaration:
    """Return the declaration, or the reason why it is refused. Nothing unsupported is left for the run to find."""
    _check_conditions(pipeline)
    _check_kind(pipeline)
    declaration = parse(pipeline)
    _check_stores(declaration, region)
    _check_stages(declaration)
    for stage in declaration.stages:
        for action in stage.actions:
            _check_action(action, declaration, region)
    _check_artifacts(declaration)
    _check_namespaces(declaration)
    _check_triggers(pipeline, declaration)
    return declaration


def _check_conditions(pipeline: Json) -> None:
    for stage in pipeline["stages"]:
        name = stage["name"]
        if "onSuccess" in stage:
            raise _stage_error(f"{NOT_EMULATED} onSuccess conditions (stage {name})")
        _check_entry(name, stage.get("beforeEntry", {}).get("conditions", []))
        on_failure = stage.get("onFailure", {})
        if on_failure.get("conditions"):
            raise _stage_error(f"{NOT_EMULATED} the rules of onFailure conditions (stage {name})")
        if on_failure.get("result") == "SKIP":
            raise _stage_error(f"onFailure of stage {name} is SKIP; it can be FAIL, RETRY or ROLLBACK")
        if on_failure.get("result") == "ROLLBACK" and pipeline.get("executionMode") == "PARALLEL":
            raise _stage_error(
                "failure conditions with a rollback result type cannot be added to a PARALLEL mode pipeline"
                f" (stage {name})"
            )
        if stage.get("blockers"):
            raise _stage_error(f"{NOT_EMULATED} blockers (stage {name})")


def _check_entry(stage: str, conditions: list[Json]) -> None:
    """AWS: of the rules of a condition that skips its stage, only LambdaInvoke and VariableCheck are supported.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html
    """
    for condition in conditions:
        if condition.get("result") != "SKIP":
            raise _stage_error(f"{NOT_EMULATED} beforeEntry conditions that do not skip (stage {stage})")
        for rule in condition.get("rules", []):
            provider = rule["ruleTypeId"]["provider"]
            if provider not in ("VariableCheck", "LambdaInvoke"):
                raise _stage_error(f"rule {rule['name']} of stage {stage} is a {provider}, which cannot skip a stage")
            if provider != "VariableCheck":
                raise _stage_error(f"{NOT_EMULATED} rules of {provider} (stage {stage})")
            given = rule.get("configuration", {})
            if missing := {"Variable", "Operator", "Value"} - given.keys():
                raise _stage_error(f"rule {rule['name']} of stage {stage} lacks {', '.join(sorted(missing))}")
            if given["Operator"] not in OPERATORS:
                raise _stage_error(f"Operator {given['Operator']} of rule {rule['name']}: give {', '.join(OPERATORS)}")


def _check_kind(pipeline: Json) -> None:
    if pipeline.get("pipelineType", "V1") == "V1":
        needing_v2 = [part for part in ("variables", "triggers") if pipeline.get(part)]
        if pipeline.get("executionMode", "SUPERSEDED") != "SUPERSEDED":
            needing_v2.append(f"execution mode {pipeline['executionMode']}")
        needing_v2 += [
            part for part in ("onFailure", "beforeEntry") if any(part in stage for stage in pipeline["stages"])
        ]
        if needing_v2:
            raise InvalidDeclarationError(
                "InvalidStructureException", f"{', '.join(needing_v2)} require a pipeline of type V2"
            )
    if ("artifactStore" in pipeline) == ("artifactStores" in pipeline):
        raise InvalidDeclarationError(
            "InvalidStructureException",
            "You must include either artifactStore or artifactStores in your pipeline, but you cannot use both",
        )


def _check_stores(declaration: Declaration, region: str) -> None:
    """AWS: "If you have cross-region actions in your pipeline, you must have an artifact bucket in the same AWS Region
    as the pipeline, and then you must have one artifact bucket per Region where you are executing an action".

    https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-create-cross-region.html
    """
    if declaration.stores.keys().isdisjoint({"", region}):
        raise InvalidDeclarationError(
            "InvalidStructureException",
            f"The pipeline's artifactStores must contain its own region, {region}; they have"
            f" {', '.join(sorted(declaration.stores)) or 'none'}",
        )


def _check_stages(declaration: Declaration) -> None:
    if len(declaration.stages) < 2:
        raise InvalidDeclarationError("InvalidStructureException", "A pipeline must contain at least two stages")
    _unique((stage.name for stage in declaration.stages), "stage name", "InvalidStageDeclarationException")
    for index, stage in enumerate(declaration.stages):
        if not stage.actions:
            raise _stage_error(f"Stage {stage.name} must contain at least one action")
        _unique(
            (action.name for action in stage.actions),
            f"action name in stage {stage.name}",
            "InvalidActionDeclarationException",
        )
        for action in stage.actions:
            if (action.category == "Source") != (index == 0):
                raise _stage_error(
                    "The first stage must contain source actions only, and no other stage may contain one:"
                    f" {action.name} in stage {stage.name}"
                )


def _check_action(action: Action, declaration: Declaration, region: str) -> None:
    provider = PROVIDERS.get(action.kind)
    if provider is None or action.owner != "AWS" or action.version != "1":
        raise _action_error(
            action,
            f"{NOT_EMULATED} the provider {action.owner} {action.kind} version {action.version};"
            f" it has {', '.join(sorted(PROVIDERS))}",
        )
    _check_configuration(action, provider)
    for number, limits, what in (
        (len(action.inputs), provider.inputs, "input"),
        (len(action.outputs), provider.outputs, "output"),
    ):
        if not limits[0] <= number <= limits[1]:
            raise _action_error(action, f"has {number} {what} artifacts; it may have {limits[0]} to {limits[1]}")
    if provider.check is not None and (problem := provider.check(action)):
        raise _action_error(action, problem)
    if (action.region or region) != region and action.region not in declaration.stores:
        raise _action_error(action, f"acts in {action.region}, for which the pipeline has no artifact store")


def _check_configuration(action: Action, provider: Provider) -> None:
    for key, value in action.configuration.items():
        if key not in provider.known:
            raise _action_error(
                action, f"unknown configuration key {key}; there are {', '.join(sorted(provider.known))}"
            )
        if len(value) == 0:
            raise _action_error(action, f"configuration key {key} is empty")
    if missing := provider.required - action.configuration.keys():
        raise _action_error(action, f"lacks the configuration {', '.join(sorted(missing))}")
    for key, allowed in provider.choices.items():
        chosen = action.configuration.get(key, allowed[0])
        if chosen not in allowed and not VARIABLE.search(chosen):
            raise _action_error(action, f"{key} is {chosen}; {NOT_EMULATED} others than {', '.join(allowed)}")


def _check_artifacts(declaration: Declaration) -> None:
    made_before: set[str] = set()
    for stage in declaration.stages:
        for order in sorted({action.run_order for action in stage.actions}):
            group = [action for action in stage.actions if action.run_order == order]
            for action in group:
                if unknown := set(action.inputs) - made_before:
                    raise _action_error(action, f"takes {', '.join(sorted(unknown))}, which no earlier action makes")
            for action in group:
                if again := made_before.intersection(action.outputs):
                    raise _action_error(action, f"makes {', '.join(sorted(again))}, which another action makes too")
                made_before.update(action.outputs)


def _check_namespaces(declaration: Declaration) -> None:
    actions = [action for stage in declaration.stages for action in stage.actions]
    _unique(
        (action.namespace for action in actions if action.namespace),
        "namespace",
        "InvalidActionDeclarationException",
    )
    known = {action.namespace for action in actions} | {"codepipeline", "variables"}
    for action in actions:
        for value in action.configuration.values():
            for reference in VARIABLE.findall(value):
                namespace, dot, variable = reference.partition(".")
                if not dot or not variable or namespace not in known:
                    raise _action_error(action, f"refers to #{{{reference}}}, but no action has that namespace")
                if namespace == "variables" and variable not in declaration.variables:
                    raise _action_error(action, f"refers to #{{{reference}}}, which the pipeline does not declare")


def _check_triggers(pipeline: Json, declaration: Declaration) -> None:
    connections = {action.name for action in declaration.sources() if action.provider == "CodeStarSourceConnection"}
    for trigger in pipeline.get("triggers", []):
        name = trigger["gitConfiguration"]["sourceActionName"]
        if name not in connections:
            raise InvalidDeclarationError(
                "InvalidStructureException", f"a trigger names {name}, which is no connection's source action"
            )
        if any("tags" in push for push in trigger["gitConfiguration"].get("push", [])):
            raise InvalidDeclarationError("InvalidStructureException", f"{NOT_EMULATED} triggers by tag ({name})")


def _unique(names: Iterable[str], what: str, code: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise InvalidDeclarationError(code, f"The {what} {name} is used {count} times; it must be unique")


def _stage_error(message: str) -> InvalidDeclarationError:
    return InvalidDeclarationError("InvalidStageDeclarationException", message)


def _action_error(action: Action, message: str) -> InvalidDeclarationError:
    return InvalidDeclarationError("InvalidActionDeclarationException", f"Action {action.name}: {message}")
