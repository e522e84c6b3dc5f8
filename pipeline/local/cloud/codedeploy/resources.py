"""`AWS::CodeDeploy::*` for functions, and `AWS::Lambda::Alias`, whose update is a deployment if its policy says so.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html: "perform a
CodeDeploy deployment when the version changes on the alias".
"""

from typing import Any

from pipeline.local.cloud.cloudformation.patches import update_policy
from pipeline.local.cloud.cloudformation.role_patches import require_calls
from pipeline.local.cloud.codedeploy import patches
from pipeline.local.cloud.codedeploy.deployments import Deployments, Shift, ShiftError
from pipeline.local.cloud.codedeploy.groups import Groups, arn_of_group
from pipeline.local.cloud.emulator import Emulator, Json, ResourceType

ALIAS = "AWS::Lambda::Alias"
POLICY = "CodeDeployLambdaAliasUpdate"
HOOKS = ("AfterAllowTrafficHook", "BeforeAllowTrafficHook")
LONGEST_NAME = 100
"""https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html"""


def application(emulator: Emulator) -> ResourceType:
    """Make applications; another name or platform replaces one."""
    groups = emulator.part(Groups)

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        name = _name(emulator, properties.get("ApplicationName"), stack_name, logical_id)
        groups.create_application(name, str(properties.get("ComputePlatform", "Server")))
        return name, {}

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        if _changes(old, new, "ApplicationName", "ComputePlatform"):
            return create(physical_id, new, stack_name)
        return physical_id, {}

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        groups.applications.pop(physical_id, None)

    return ResourceType(create=create, update=update, delete=delete)


def deployment_config(emulator: Emulator) -> ResourceType:
    """Make deployment configurations; nothing of one can be changed."""
    groups = emulator.part(Groups)

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        name = _name(emulator, properties.get("DeploymentConfigName"), stack_name, logical_id)
        routing = _as_in_api(properties.get("TrafficRoutingConfig") or {"Type": "AllAtOnce"})
        groups.create_configuration(name, str(properties.get("ComputePlatform", "Server")), routing)
        return name, {}

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del old
        return create(physical_id, new, stack_name)

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        groups.configurations.pop(physical_id, None)

    return ResourceType(create=create, update=update, delete=delete)


def deployment_group(emulator: Emulator) -> ResourceType:
    """Make deployment groups; another name or application replaces one."""
    groups = emulator.part(Groups)

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        name = _name(emulator, properties.get("DeploymentGroupName"), stack_name, logical_id)
        groups.put_group(str(properties["ApplicationName"]), name, _settings(properties))
        return name, {}

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        if _changes(old, new, "ApplicationName", "DeploymentGroupName"):
            return create(physical_id, new, stack_name)
        groups.put_group(str(new["ApplicationName"]), physical_id, _settings(new))
        return physical_id, {}

    def delete(physical_id: str, properties: Json) -> None:
        groups.groups.pop(f"{properties.get('ApplicationName')}/{physical_id}", None)

    return ResourceType(create=create, update=update, delete=delete)


def alias(emulator: Emulator) -> ResourceType:
    """Change aliases by a deployment where another version comes with an update policy; the first shifts nothing."""
    theirs = emulator.provided(ALIAS)

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        same_alias = not _changes(old, new, "FunctionName", "Name")
        if (
            same_alias
            and _changes(old, new, "FunctionVersion")
            and POLICY in (policy := update_policy(stack_name, physical_id))
        ):
            _deploy(emulator, policy[POLICY], _shift_of(policy[POLICY], old, new, stack_name))
        return theirs.update(physical_id, old, new, stack_name)

    return ResourceType(create=theirs.create, update=update, delete=theirs.delete)


def _shift_of(policy: Json, old: Json, new: Json, stack_name: str) -> Shift:
    return Shift(
        application=str(policy["ApplicationName"]),
        group=str(policy["DeploymentGroupName"]),
        function=patches.function_of(str(new["FunctionName"])),
        alias=str(new["Name"]),
        old=str(old["FunctionVersion"]),
        new=str(new["FunctionVersion"]),
        stack=stack_name,
    )


def _deploy(emulator: Emulator, policy: Json, shift: Shift) -> None:
    for hook in HOOKS:
        if policy.get(hook):
            raise ValueError(f"The local cloud does not take {POLICY}.{hook}: it runs no hooks")
    account, region = emulator.here()
    group = arn_of_group(f"{region}:{account}", shift.application, shift.group)
    called = ("codedeploy:GetDeploymentGroup", "codedeploy:CreateDeployment", "codedeploy:GetDeployment")
    require_calls(emulator, ALIAS, shift.stack, [(action, group) for action in called])
    deployments = emulator.part(Deployments)
    try:
        if patches.is_rolling_back(shift.stack):
            deployments.shift_back(shift, "CloudFormationRollback")
        else:
            deployments.shift(shift)
    except ShiftError as error:
        raise ValueError(
            f"The deployment of {shift.function}:{shift.alias} by CodeDeploy ended early. {error}"
        ) from error


def _settings(properties: Json) -> Json:
    named = {"ApplicationName", "DeploymentGroupName", "Tags"}
    return {_small(key): _as_in_api(value) for key, value in properties.items() if key not in named}


def _as_in_api(value: Any) -> Any:
    """Return a template's value as the API has it: the same, with small first letters."""
    if isinstance(value, dict):
        return {_small(key): _as_in_api(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_in_api(each) for each in value]
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]


def _changes(old: Json, new: Json, *names: str) -> bool:
    return any(old.get(name) != new.get(name) for name in names)


def _name(emulator: Emulator, given: object, stack_name: str, logical_id: str) -> str:
    return str(given or emulator.physical_name(stack_name, logical_id, longest=LONGEST_NAME))
