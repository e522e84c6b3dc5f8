"""Which role a stack is operated in, and that it may do what is done to the stack's resources."""

import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, provisioners, stacks

from pipeline.local.cloud.cloudformation.called_resources import Change
from pipeline.local.cloud.cloudformation.handler_calls import Operation
from pipeline.local.cloud.cloudformation.patches import change_set_of, given
from pipeline.local.cloud.cloudformation.stack_roles import StackRoles
from pipeline.local.cloud.emulator import Emulator, HttpResponse, Json
from pipeline.local.cloud.iam.patches import calling

ROLE = "_role_arn"
"""Where the record of a stack or a change set has the role that it was last given."""
OF_STACKS = ("ContinueUpdateRollback", "CreateStack", "DeleteStack", "RollbackStack", "UpdateStack")

_decided: ContextVar[tuple[str, str]] = ContextVar("decided", default=("", ""))
"""The stack and the logical id of an update that is decided: types without one are made again instead."""


def operate_in_roles(emulator: Emulator) -> None:
    """Keep the roles of stacks, and fail what they may not do to a resource."""
    _keep_roles()
    _describe_roles()
    _decide(emulator)


def _keep_roles() -> None:
    """Keep what requests name: "CloudFormation uses the role for all future operations on the stack"."""
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - the emulator offers no other way
    execute, create = actions["ExecuteChangeSet"], actions["CreateChangeSet"]

    def keeping(own: Callable[[Any], HttpResponse]) -> Callable[[Any], HttpResponse]:
        def handle(parameters: Any) -> HttpResponse:
            answer = own(parameters)  # what it begins runs later
            stack = handlers._resolve_stack(given(parameters, "StackName"))  # noqa: SLF001 - as above
            if answer[0] == 200:
                _note(stack, given(parameters, "RoleARN"))
            return answer

        return handle

    def create_change_set(parameters: Any) -> HttpResponse:
        answer = create(parameters)
        if answer[0] == 200:
            _note(change_set_of(parameters), given(parameters, "RoleARN"))
        return answer

    def execute_change_set(parameters: Any) -> HttpResponse:
        change_set = change_set_of(parameters) or {}
        answer = execute(parameters)
        if answer[0] == 200:
            _note(cloudformation._stacks.get(change_set["StackName"]), change_set.get(ROLE, ""))  # noqa: SLF001 - as above
        return answer

    actions |= {name: keeping(actions[name]) for name in OF_STACKS}
    actions |= {"CreateChangeSet": create_change_set, "ExecuteChangeSet": execute_change_set}


def _describe_roles() -> None:
    """Have a stack described with the role that it is operated in."""
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - as above
    own = actions["DescribeStacks"]

    def with_role(stack_id: re.Match[bytes]) -> bytes:
        role = (handlers._resolve_stack(stack_id[1].decode()) or {}).get(ROLE, "")  # noqa: SLF001 - as above
        return stack_id[0] + (f"<RoleARN>{role}</RoleARN>".encode() if role else b"")

    def describe(parameters: Any) -> HttpResponse:
        status, headers, body = own(parameters)
        return status, headers, re.sub(rb"<StackId>([^<]+)</StackId>", with_role, body)

    actions["DescribeStacks"] = describe


def _note(record: Json | None, role: str) -> None:
    if record is not None and role:
        record[ROLE] = role


def _decide(emulator: Emulator) -> None:
    """Decide before a resource is made, changed or deleted; its handler is not reached then."""
    make: Callable[..., tuple[str, Any]] = provisioners._provision_resource  # noqa: SLF001 - as above
    change: Callable[..., tuple[str, Any]] = provisioners._update_resource  # noqa: SLF001 - as above
    remove: Callable[..., None] = provisioners._delete_resource  # noqa: SLF001 - as above
    roles = emulator.part(StackRoles)

    def require(operation: Operation, type_name: str, stack_name: str, logical_id: str, **more: Any) -> None:
        account, region = emulator.here()
        done = Change(
            type_name=type_name,
            operation=operation,
            account=account,
            region=region,
            stack_name=stack_name,
            logical_id=logical_id,
            **more,
        )
        refused = roles.refusal(done, _role_of(stack_name), calling())
        if refused:
            raise ValueError(refused)

    def provision(type_name: str, logical_id: str, properties: Any, stack_name: str) -> tuple[str, Any]:
        if _decided.get() != (stack_name, logical_id):
            require("create", type_name, stack_name, logical_id, old={}, new=properties or {})
        return make(type_name, logical_id, properties, stack_name)

    def update(type_name: str, physical_id: str, old: Any, new: Any, stack_name: str, *rest: Any) -> tuple[str, Any]:
        if old == new or provisioners._replacing_change(type_name, old, new):  # noqa: SLF001 - as above
            return change(type_name, physical_id, old, new, stack_name, *rest)
        logical_id = str(rest[0] if rest else "")
        require("update", type_name, stack_name, logical_id, physical_id=physical_id, old=old or {}, new=new or {})
        token = _decided.set((stack_name, logical_id))
        try:
            return change(type_name, physical_id, old, new, stack_name, *rest)
        finally:
            _decided.reset(token)

    def delete(type_name: str, physical_id: str, properties: Any, *stack_and_logical_id: Any) -> None:
        stack_name, logical_id = (str(each or "") for each in stack_and_logical_id or ("", ""))
        require("delete", type_name, stack_name, logical_id, physical_id=physical_id, old=properties or {}, new={})
        remove(type_name, physical_id, properties, *stack_and_logical_id)

    for module in (provisioners, stacks):
        module._provision_resource = provision  # noqa: SLF001 - as above
        module._update_resource = update  # noqa: SLF001 - as above
        module._delete_resource = delete  # noqa: SLF001 - as above


def require_calls(emulator: Emulator, type_name: str, stack_name: str, needed: Iterable[tuple[str, str]]) -> None:
    """Fail a resource whose stack may not make calls that no property of it causes, each an action and a resource."""
    refused = emulator.part(StackRoles).refusal_of_calls(type_name, needed, _role_of(stack_name), calling())
    if refused:
        raise ValueError(refused)


def _role_of(stack_name: str) -> str:
    """Return the role of a stack; a nested one is operated in that of the stack around it."""
    stack = cloudformation._stacks.get(stack_name) or {}  # noqa: SLF001 - as above
    around = stack.get("_parent_stack_name")
    return _role_of(around) if around else str(stack.get(ROLE, ""))
