"""CloudFormation refuses what it refuses on AWS: unknown types, unknown and missing properties, wrong types.

And what `recovery.py` needs of the emulator's stacks.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

from pipeline.local.cloud.cloudformation import stack_policies
from pipeline.local.cloud.cloudformation.schema import problems
from pipeline.local.cloud.cloudformation.support import supported
from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json

_runs_on_thread: Callable[[str], bool] = stacks._runs_on_worker_thread  # noqa: SLF001 - the emulator offers no other way
_OF_UPDATE = "_policy_of_update"
"""Where a stack's record has the policy that its current update must obey."""


def remove_unsupported_types() -> None:
    """Remove the types that `support.py` does not name, though the emulator may know some more."""
    registered: dict[str, Any] = provisioners._RESOURCE_HANDLERS  # noqa: SLF001 - as above
    for type_name in [name for name in registered if not supported(name)]:
        del registered[type_name]


def validate_templates() -> None:
    """Refuse a template when it is handed in, as far as its properties are known then."""
    theirs: Callable[..., None] = engine.validate_template_support

    def validate(template: Mapping[str, Any], conditions: Mapping[str, bool], *rest: Any, **named: Any) -> None:
        _require_named_conditions(template)
        theirs(template, conditions, *rest, **named)
        found = [
            f"{logical_id} ({resource['Type']}) {problem}"
            for logical_id, resource in (template.get("Resources") or {}).items()
            if conditions.get(resource.get("Condition"), True) and "Transform" not in template
            for problem in problems(resource["Type"], resource.get("Properties") or {}, unknown=_not_known_yet)
        ]
        if found:
            raise ValueError("Properties validation failed: " + "; ".join(found))

    for module in (engine, handlers, changesets):
        module.validate_template_support = validate


def check_requests(check: Callable[[Iterable[tuple[str, str]]], None]) -> None:
    """Have the names and values of every request's parameters checked before it is answered."""
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - as above

    def checking(own: Callable[[Any], HttpResponse]) -> Callable[[Any], HttpResponse]:
        def handle(parameters: Any) -> HttpResponse:
            try:
                check((name, str(values[0] if values else "")) for name, values in parameters.items())
            except AwsError as error:
                refused: HttpResponse = handlers._error(error.code, error.message)  # noqa: SLF001 - as above
                return refused
            return own(parameters)

        return handle

    actions.update({name: checking(own) for name, own in actions.items()})


def given(parameters: Any, name: str) -> str:
    """Return a parameter of a request; empty without it."""
    return str(handlers._p(parameters, name) or "")  # noqa: SLF001 - as above


def change_set_of(parameters: Any) -> Json | None:
    """Return the emulator's own record of the change set that a request names."""
    name = given(parameters, "StackName")
    stack = handlers._resolve_stack(name) or {}  # noqa: SLF001 - as above
    wanted = given(parameters, "ChangeSetName"), stack.get("StackName", name)
    found: Json | None = changesets._find_change_set(*wanted)[1]  # noqa: SLF001 - as above
    return found


def keep_deleted_stacks() -> None:
    """Keep a deleted stack, by its id, when another gets its name: the emulator forgets it then.

    "Summary information about stacks that have been deleted is kept for 90 days after the stack is deleted."
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
    """
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - as above

    def keeping(own: Callable[[Any], HttpResponse]) -> Callable[[Any], HttpResponse]:
        def handle(parameters: Any) -> HttpResponse:
            name = handlers._p(parameters, "StackName")  # noqa: SLF001 - as above
            before = cloudformation._stacks.get(name) or {}  # noqa: SLF001 - as above
            answer = own(parameters)
            is_another = (cloudformation._stacks.get(name) or before) is not before  # noqa: SLF001 - as above
            if is_another and before.get("StackStatus") == "DELETE_COMPLETE":
                cloudformation._stacks[before["StackId"]] = before  # noqa: SLF001 - as above
            return answer

        return handle

    actions.update({name: keeping(actions[name]) for name in ("CreateChangeSet", "CreateStack")})


def show_names_of_parameters() -> None:
    """Show of a parameter that is read from Systems Manager the name that was given, and the value beside it.

    "ResolvedValue: Read-only. The value that corresponds to a Systems Manager parameter key."
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - as above
    describe = actions["DescribeStacks"]

    def described(parameters: Any) -> HttpResponse:
        resolved = {}
        for stack in list(cloudformation._stacks.values()):  # noqa: SLF001 - as above
            read = stack.get("_resolved_params") or {}
            for shown in stack.get("Parameters") or ():
                its = read.get(shown["ParameterKey"], {})
                if "SsmName" in its:
                    shown["ParameterValue"] = its["SsmName"]
                    resolved[shown["ParameterKey"], its["SsmName"]] = its["Value"]
        status, headers, body = describe(parameters)
        for (key, name), value in resolved.items():
            said = f"<ParameterKey>{_text(key)}</ParameterKey><ParameterValue>{_text(name)}</ParameterValue>"
            beside = f"{said}<ResolvedValue>{_text(value)}</ResolvedValue>"
            body = body.replace(said.encode(), beside.encode())
        return status, headers, body

    actions["DescribeStacks"] = described


def _text(value: str) -> str:
    escaped: str = handlers._esc(value)  # noqa: SLF001 - as above
    return escaped


def obey_stack_policies() -> None:
    """Deny what a stack's policy does not let an update do: the update fails, and is rolled back."""
    check_requests(_check_policies)
    _keep_policies_of_updates()
    change: Callable[..., tuple[str, Any]] = provisioners._update_resource  # noqa: SLF001 - as above
    begin_failed: Callable[..., bool] = stacks._fail_property_validation  # noqa: SLF001 - as above

    def update(type_name: str, physical_id: str, old: Any, new: Any, stack: str, *rest: Any) -> tuple[str, Any]:
        if old != new and (policy := _policy_of_update(stack)):
            replaces = provisioners._replacing_change(type_name, old, new)  # noqa: SLF001 - as above
            action = stack_policies.REPLACE if replaces else stack_policies.MODIFY
            if (reason := stack_policies.denial(policy, action, str(rest[0]), type_name)) is not None:
                raise ValueError(reason)
        return change(type_name, physical_id, old, new, stack, *rest)

    def begin(
        stack: Json, stack_id: str, name: str, declared: Json, ordered: list[str], *rest: Any, **more: Any
    ) -> bool:
        previous = more.get("previous_stack") or {}
        removed = resources_of(previous).keys() - set(ordered)
        policy = _policy_of_update(name) if previous else ""
        for logical_id, type_name in ((each, resources_of(previous)[each]["ResourceType"]) for each in sorted(removed)):
            reason = stack_policies.denial(policy, stack_policies.DELETE, logical_id, type_name) if policy else None
            if reason is not None:
                stacks._add_event(stack_id, name, logical_id, type_name, "UPDATE_FAILED", reason)  # noqa: SLF001 - as above
                _restore(stack, previous)
                end_operation(
                    stack, "UPDATE_ROLLBACK_COMPLETE", f"The following resource(s) failed to update: [{logical_id}]."
                )
                return True
        return begin_failed(stack, stack_id, name, declared, ordered, *rest, **more)

    for module in (provisioners, stacks):
        module._update_resource = update  # noqa: SLF001 - as above
    stacks._fail_property_validation = begin  # noqa: SLF001 - as above


def _check_policies(parameters: Iterable[tuple[str, str]]) -> None:
    for name, value in parameters:
        if name in ("StackPolicyBody", "StackPolicyDuringUpdateBody") and value:
            stack_policies.check_policy(value)


def _keep_policies_of_updates() -> None:
    """Let an update obey the policy that is for it alone, or the one that the stack had before it."""
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - as above
    own = actions["UpdateStack"]
    deploy: Callable[..., Coroutine[Any, Any, None]] = stacks._deploy_stack_async  # noqa: SLF001 - as above

    def update(parameters: Any) -> HttpResponse:
        stack = handlers._resolve_stack(handlers._p(parameters, "StackName")) or {}  # noqa: SLF001 - as above
        before = stack.get("_stack_policy") or ""
        answer = own(parameters)  # the deployment that it begins runs later
        if answer[0] == 200:
            stack[_OF_UPDATE] = handlers._p(parameters, "StackPolicyDuringUpdateBody") or before  # noqa: SLF001 - as above
        return answer

    async def deployed(name: str, *rest: Any, **more: Any) -> None:
        try:
            await deploy(name, *rest, **more)
        finally:
            (cloudformation._stacks.get(name) or {}).pop(_OF_UPDATE, None)  # noqa: SLF001 - as above

    actions["UpdateStack"] = update
    for module in (stacks, handlers, changesets):
        if hasattr(module, "_deploy_stack_async"):
            module._deploy_stack_async = deployed  # noqa: SLF001 - as above


def _policy_of_update(name: str) -> str:
    """Return what an update of a stack must obey; nothing, while it is rolled back."""
    stack = cloudformation._stacks.get(name) or {}  # noqa: SLF001 - as above
    if "ROLLBACK" in stack.get("StackStatus", ""):
        return ""
    return str(stack.get(_OF_UPDATE, stack.get("_stack_policy") or ""))


def _restore(stack: Json, previous: Json) -> None:
    """Give a stack back what it was described by before its update."""
    names = ("_template", "_resolved_params", "_template_body", "Parameters", "Tags", "Outputs", "_conditions")
    stack |= {name: previous[name] for name in names if name in previous}


def validate_resources(emulator: Emulator) -> None:
    """Fail a resource whose properties turn out to be wrong once every intrinsic function has its value."""
    make: Callable[..., tuple[str, Any]] = provisioners._provision_resource  # noqa: SLF001 - as above
    change: Callable[..., tuple[str, Any]] = provisioners._update_resource  # noqa: SLF001 - as above

    def provision(type_name: str, logical_id: str, properties: Any, *rest: Any) -> tuple[str, Any]:
        _require_valid(type_name, properties)
        _require_accepted(emulator, type_name, properties)
        return make(type_name, logical_id, properties, *rest)

    def update(type_name: str, physical_id: str, old: Any, new: Any, *rest: Any) -> tuple[str, Any]:
        _require_valid(type_name, new)
        if old != new:  # nothing is asked of a service whose resource stays as it is
            _require_accepted(emulator, type_name, new)
        return change(type_name, physical_id, old, new, *rest)

    for module in (provisioners, stacks):
        module._provision_resource = provision  # noqa: SLF001 - as above
        module._update_resource = update  # noqa: SLF001 - as above


def keep_members_called_condition() -> None:
    """Take a member `Condition` of a property for what it is: only conditions refer to a condition by one.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
    """
    resolve: Callable[..., Any] = engine._resolve_refs  # noqa: SLF001 - as above

    def resolved(value: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"Condition"}:
            return {"Condition": resolved(value["Condition"], *rest, **named)}
        return resolve(value, *rest, **named)

    for module in (engine, stacks, changesets, handlers, cloudformation):
        if hasattr(module, "_resolve_refs"):
            module._resolve_refs = resolved  # noqa: SLF001 - as above


def is_provided(type_name: str) -> bool:
    """Tell whether a resource type can be deployed already."""
    return type_name in provisioners._RESOURCE_HANDLERS  # noqa: SLF001 - as above


def stacks_everywhere() -> Iterable[tuple[str, str, Json]]:
    """List the account, the region and the emulator's own record of each stack."""
    for (account, region, _name), stack in cloudformation._stacks.to_dict().items():  # noqa: SLF001 - as above
        yield account, region, stack


def change_sets_everywhere() -> Iterable[Json]:
    """List the emulator's own record of each change set."""
    found: Iterable[Json] = cloudformation._change_sets.to_dict().values()  # noqa: SLF001 - as above
    return found


def end_operation(stack: Json, status: str, reason: str) -> None:
    """Give a stack of `here` its final status, with the event that says so."""
    stack |= {"StackStatus": status, "StackStatusReason": reason, "LastUpdatedTime": now_iso()}
    stack_id, name = stack["StackId"], stack["StackName"]
    stacks._add_event(stack_id, name, name, "AWS::CloudFormation::Stack", status, reason, stack_id)  # noqa: SLF001 - as above


def is_custom_resource(type_name: str) -> bool:
    """Tell whether a resource is made by a function, for which the emulator has threads."""
    return _runs_on_thread(type_name)


def run_on_thread(type_name: str) -> None:
    """Work on resources of a type on threads of their own: what takes minutes would hold up every request."""
    others: Callable[[str], bool] = stacks._runs_on_worker_thread  # noqa: SLF001 - as above
    stacks._runs_on_worker_thread = lambda asked: others(asked) or asked == type_name  # noqa: SLF001 - as above


def update_policy(stack_name: str, physical_id: str) -> Mapping[str, Any]:
    """Return the UpdatePolicy that the template of the update under way has for a resource; empty without one."""
    stack = cloudformation._stacks.get(stack_name) or {}  # noqa: SLF001 - as above
    recorded = resources_of(stack)
    logical_id = next((each for each in recorded if recorded[each]["PhysicalResourceId"] == physical_id), "")
    template = engine._parse_template(stack["_template_body"])  # noqa: SLF001 - as above
    declared = template["Resources"].get(logical_id, {}).get("UpdatePolicy") or {}
    found: Mapping[str, Any] = engine._resolve_refs(  # noqa: SLF001 - as above
        declared, recorded, stack.get("_resolved_params") or {}, {}, {}, stack_name, stack["StackId"]
    )
    return found


def is_cancelled(stack_name: str) -> bool:
    """Tell whether somebody has cancelled the update of a stack of `here`."""
    return bool((cloudformation._stacks.get(stack_name) or {}).get("_cancel_requested"))  # noqa: SLF001 - as above


def delete_resource(logical_id: str, resource: Json) -> None:
    """Delete one recorded resource of a stack of `here`, whatever the stack's role may."""
    type_name, physical_id = resource["ResourceType"], resource["PhysicalResourceId"]
    provisioners._delete_resource(  # noqa: SLF001 - as above
        type_name, physical_id, resource.get("Properties", {}), None, logical_id
    )


def resources_of(stack: Json) -> MutableMapping[str, Json]:
    """Return the recorded resources of a stack, by their logical ids, in the order in which they were made."""
    found: MutableMapping[str, Json] = stack.get("_resources", {})
    return found


def template_of(stack: Json) -> Mapping[str, Any]:
    """Return the template of a stack as it was read."""
    return stack.get("_template") or {}


def remove_export(name: str | None) -> None:
    """Remove an export of `here`."""
    cloudformation._exports.pop(name, None)  # noqa: SLF001 - as above


def _require_valid(type_name: str, properties: Any) -> None:
    found = problems(type_name, properties or {}, unknown=_left_out)
    if found:
        raise ValueError("Properties validation failed: " + "; ".join(found))


def _require_named_conditions(template: Mapping[str, Any]) -> None:
    for section in ("Resources", "Outputs"):
        for part in (template.get(section) or {}).values():
            if isinstance(part, dict) and not isinstance(part.get("Condition", ""), str):
                raise ValueError("Template format error: Every Condition member must be a string.")


def _require_accepted(emulator: Emulator, type_name: str, properties: Any) -> None:
    """Fail a resource that its service refuses, with the reason that the type's handler on AWS gives."""
    for check in emulator.resource_checks.get(type_name, ()):
        try:
            check(properties or {})
        except AwsError as error:
            said = f"{error.message} (Service: {type_name.split('::')[1]}, Status Code: {error.status})"
            reason = f'Resource handler returned message: "{said}" (HandlerErrorCode: InvalidRequest)'
            raise ValueError(reason) from error


def _left_out(value: Any) -> bool:
    """Recognise AWS::NoValue where it stands deeper than the emulator removes it."""
    return value is engine._NO_VALUE  # noqa: SLF001 - as above


def _not_known_yet(value: Any) -> bool:
    if isinstance(value, str):
        return "{{resolve:" in value
    return isinstance(value, dict) and len(value) == 1 and (next(iter(value)) == "Ref" or _is_function(value))


def _is_function(value: Mapping[str, Any]) -> bool:
    return next(iter(value)).startswith("Fn::")
