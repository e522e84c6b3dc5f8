"""Which aliases of a stack have their traffic shifted, for how long, and by what alarms a shift is stopped. Pure."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.rehearsal.single_stage import StackTemplate

FUNCTION_ALIAS, WORKFLOW_ALIAS = "AWS::Lambda::Alias", "AWS::StepFunctions::StateMachineAlias"
BY_CODEDEPLOY, BY_CLOUDFORMATION = "CodeDeployLambdaAliasUpdate", "DeploymentPreference"
PREDEFINED = re.compile(
    r"CodeDeployDefault\.Lambda(?P<kind>Canary|Linear)(?P<percent>\d+)Percent(?:Every)?(?P<minutes>\d+)Minutes?"
)
PATH = "aws:cdk:path"
REHEARSED = "Rehearsed"
"""How a version ends that the second release publishes, and what its function or workflow is described as."""

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShiftedAlias:
    """An alias that a release moves step by step."""

    stack: str
    service: str
    construct: str
    """Its function or workflow, as the service calls it."""
    kind: str
    logical_id: str
    alarms: tuple[str, ...]
    """Logical ids of the alarms that stop its shift."""
    minutes: int
    """From the first step to the last."""

    @property
    def name(self) -> str:
        """What people call it, as they do an action of its service."""
        return f"{self.service}.{self.construct}"


def shifted_aliases(stack: StackTemplate, template: Mapping[str, Any]) -> Iterator[ShiftedAlias]:
    """Yield the aliases of a stack that are moved step by step, watched by alarms: what is moved all at once is not."""
    resources = template["Resources"]
    for logical_id, resource in resources.items():
        minutes, alarms = _shift_of(resource, resources)
        if minutes and alarms:
            yield ShiftedAlias(
                stack=stack.stack,
                service=stack.stack.partition("-")[2],
                construct=_construct_of(logical_id, resource),
                kind=resource["Type"],
                logical_id=logical_id,
                alarms=tuple(each["Ref"] for each in alarms),
                minutes=minutes,
            )


def publish_new_versions(template: Body) -> Body:
    """Return a template whose shifted functions and workflows are others, as a change of their code would make them."""
    found: Body = json.loads(json.dumps(template))
    resources = found["Resources"]
    renamed = []
    for resource in [each for each in resources.values() if each["Type"] in (FUNCTION_ALIAS, WORKFLOW_ALIAS)]:
        if resource["Type"] == WORKFLOW_ALIAS and BY_CLOUDFORMATION in resource["Properties"]:
            _change_workflow(resources[resource["Properties"]["StateMachineArn"]["Ref"]])
        elif BY_CODEDEPLOY in resource.get("UpdatePolicy", {}):
            version = resource["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]
            resources[resources[version]["Properties"]["FunctionName"]["Ref"]]["Properties"]["Description"] = REHEARSED
            renamed.append(version)
    text = json.dumps(found)
    for version in renamed:  # nothing of a version can be changed: another one is another resource
        text = text.replace(f'"{version}"', f'"{version}{REHEARSED}"')
    changed: Body = json.loads(text)
    return changed


def _shift_of(resource: Mapping[str, Any], resources: Mapping[str, Any]) -> tuple[int, list[Any]]:
    """Return for how many minutes an alias is moved, and references to the alarms that stop it."""
    if resource["Type"] == WORKFLOW_ALIAS:
        preference = resource["Properties"].get(BY_CLOUDFORMATION, {"Type": "ALL_AT_ONCE"})
        minutes = _minutes(preference["Type"], preference.get("Percentage", 0), preference.get("Interval", 0))
        return minutes, preference.get("Alarms", [])
    policy = resource.get("UpdatePolicy", {}).get(BY_CODEDEPLOY)
    if resource["Type"] != FUNCTION_ALIAS or policy is None:
        return 0, []
    group = resources[policy["DeploymentGroupName"]["Ref"]]["Properties"]
    alarms = [each["Name"] for each in group.get("AlarmConfiguration", {}).get("Alarms", [])]
    return _minutes_of_configuration(group["DeploymentConfigName"], resources), alarms


def _minutes_of_configuration(named: Any, resources: Mapping[str, Any]) -> int:
    if isinstance(named, str):
        found = PREDEFINED.fullmatch(named)
        return _minutes(found["kind"], int(found["percent"]), int(found["minutes"])) if found else 0
    routing = resources[named["Ref"]]["Properties"]["TrafficRoutingConfig"]
    for kind in ("Canary", "Linear"):
        if steps := routing.get(f"TimeBased{kind}"):
            return _minutes(kind, steps[f"{kind}Percentage"], steps[f"{kind}Interval"])
    return 0


def _minutes(kind: str, percent: int, interval: int) -> int:
    match kind.upper():
        case "CANARY":
            return interval
        case "LINEAR":
            return (math.ceil(100 / percent) - 1) * interval
    return 0


def _construct_of(logical_id: str, resource: Mapping[str, Any]) -> str:
    """Return the construct whose alias it is: the one before `Live` in the path; without a path, the logical id."""
    path = resource.get("Metadata", {}).get(PATH, "").split("/")
    return path[path.index("Live") - 1] if "Live" in path[1:] else logical_id


def _change_workflow(machine: Body) -> None:
    """Let a workflow have another definition, which is what a revision is made for."""
    comment = f'{{"Comment":"{REHEARSED}",'
    match machine["Properties"].get("DefinitionString"):
        case str(text):
            machine["Properties"]["DefinitionString"] = text.replace("{", comment, 1)
        case {"Fn::Join": [_, parts]}:
            parts[0] = parts[0].replace("{", comment, 1)
