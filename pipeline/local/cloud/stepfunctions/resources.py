"""`AWS::StepFunctions::StateMachineVersion` and `StateMachineAlias`, whose update may be a gradual deployment.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachineversion.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachinealias.html
"""

import functools
from typing import Any

from pipeline.local.cloud.cloudformation import patches as patches_of_stacks
from pipeline.local.cloud.codedeploy.patches import is_rolling_back
from pipeline.local.cloud.emulator import AwsError, Emulator, Json, ResourceType
from pipeline.local.cloud.stepfunctions import patches
from pipeline.local.cloud.stepfunctions.routing import WHOLE, machine_of, route, versions_of
from pipeline.local.cloud.stepfunctions.shifts import Shifts, StoppedError
from pipeline.local.cloud.stepfunctions.versions import Versions

MACHINE = "AWS::StepFunctions::StateMachine"
VERSION = "AWS::StepFunctions::StateMachineVersion"
ALIAS = "AWS::StepFunctions::StateMachineAlias"
PREFERENCE, ROUTING = "DeploymentPreference", "RoutingConfiguration"
GRADUAL = ("CANARY", "LINEAR")
WEIGHTED = (
    "points to two versions already. The local cloud deploys gradually from one alone: AWS does not document what"
    " happens then"
)


def machine(emulator: Emulator) -> ResourceType:
    """Delete a state machine with its versions, which a template may have left to themselves."""
    theirs, versions = emulator.provided(MACHINE), emulator.part(Versions)

    def delete(physical_id: str, properties: Json) -> None:
        theirs.delete(physical_id, properties)
        versions.forget(physical_id)

    return ResourceType(create=theirs.create, update=theirs.update, delete=delete)


def version(emulator: Emulator) -> ResourceType:
    """Publish versions; nothing of one can be changed, so another revision is another one."""
    versions = emulator.part(Versions)

    def create(_logical_id: str, properties: Json, _stack_name: str) -> tuple[str, Json]:
        names = {"StateMachineArn": "stateMachineArn", "StateMachineRevisionId": "revisionId"}
        request = {small: str(properties[name]) for name, small in names.items() if name in properties}
        described = {"description": str(properties["Description"])} if "Description" in properties else {}
        arn = str(versions.publish(request | described)["stateMachineVersionArn"])
        return arn, {"Arn": arn}

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del old
        return create(physical_id, new, stack_name)

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        versions.delete(physical_id)

    return ResourceType(create=create, update=update, delete=delete)


def alias(emulator: Emulator) -> ResourceType:
    """Make aliases. The first deployment shifts nothing; the next version of a `DeploymentPreference` is shifted to."""
    versions, shifts = emulator.part(Versions), emulator.part(Shifts)

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        _check(properties)
        name = properties.get("Name") or emulator.physical_name(stack_name, logical_id, longest=80)
        request = {
            "name": str(name),
            "description": str(properties.get("Description", "")),
            "routingConfiguration": _routing(properties),
        }
        arn = f"{machine_of(versions_of(request['routingConfiguration'])[0])}:{name}"
        if arn in patches.aliases():
            raise AwsError("ConflictException", f"{arn} already exists")
        versions.create(request)
        return arn, {"Arn": arn}

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        _check(new)
        if old.get("Name") != new.get("Name"):
            return create(physical_id, new, stack_name)
        if PREFERENCE in new and not is_rolling_back(stack_name):
            _deploy(shifts, physical_id, new[PREFERENCE], stack_name)
        else:
            versions.route(physical_id, _routing(new))
        versions.describe(physical_id, str(new.get("Description", "")))
        return physical_id, {"Arn": physical_id}

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        patches.aliases().pop(physical_id, None)

    return ResourceType(create=create, update=update, delete=delete)


def _deploy(shifts: Shifts, arn: str, preference: Json, stack_name: str) -> None:
    current, wanted = versions_of(patches.aliases()[arn]["routingConfiguration"]), _version(preference)
    if len(current) > 1:
        raise ValueError(f"{arn} {WEIGHTED}")
    if current == [wanted]:
        return
    try:
        is_cancelled = functools.partial(patches_of_stacks.is_cancelled, stack_name)
        shifts.shift(arn, current[0], wanted, preference, is_cancelled=is_cancelled)
    except StoppedError as error:
        raise ValueError(f"The deployment of {arn} ended early, and is rolled back. {error}") from error


def _check(properties: Json) -> None:
    """Refuse what is said twice, and a gradual deployment that does not say how fast."""
    preference = properties.get(PREFERENCE)
    if preference is None:
        return
    if ROUTING in properties:
        raise ValueError(f"{PREFERENCE} and {ROUTING} exclude each other")
    if preference["Type"] in GRADUAL and not {"Percentage", "Interval"} <= preference.keys():
        raise ValueError(f"{PREFERENCE} of the type {preference['Type']} needs Percentage and Interval")


def _version(preference: Json) -> str:
    return str(preference["StateMachineVersionArn"])


def _routing(properties: Json) -> list[Any]:
    """Return where an alias routes to, once it is deployed."""
    if PREFERENCE in properties:
        return [route(_version(properties[PREFERENCE]), WHOLE)]
    return [route(str(each["StateMachineVersionArn"]), int(each["Weight"])) for each in properties[ROUTING]]
