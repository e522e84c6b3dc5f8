"""A deletion ends the creation that is under way, and there is none during an update: both as on AWS.

The emulator deletes a stack beside the operation that makes it, which brings it back when it ends.
"""

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, stacks

from pipeline.local.cloud.cloudformation.patches import given
from pipeline.local.cloud.emulator import HttpResponse, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

CANCELLED = "_cancel_requested"
"""The emulator's own mark on a stack; of an update it ends that, and it looks at no other's."""
DELETING = "DELETE_IN_PROGRESS"
REFUSED = ("IMPORT", "UPDATE")
"""Begin the states in which AWS says "Stack [...] cannot be deleted while in status UPDATE_IN_PROGRESS"."""

_creation: ContextVar[Json | None] = ContextVar("creation", default=None)
"""The stack that is being made, while its resources and those of stacks nested in it are."""


def delete_what_is_made() -> None:
    """Cancel a creation and wait for its end before its stack is deleted. Comes after all that begins operations."""
    _refuse_during_updates()
    _wait_for_creations()
    _make_nothing_of_a_cancelled_creation()


def _refuse_during_updates() -> None:
    actions: dict[str, Callable[[Any], HttpResponse]] = handlers._ACTION_HANDLERS  # noqa: SLF001 - the emulator offers no other way
    delete = actions["DeleteStack"]

    def delete_stack(parameters: Any) -> HttpResponse:
        stack = handlers._resolve_stack(given(parameters, "StackName")) or {}  # noqa: SLF001 - as above
        status = str(stack.get("StackStatus", ""))
        if status.startswith(REFUSED) and status.endswith("_IN_PROGRESS"):
            message = f"Stack [{stack['StackId']}] cannot be deleted while in status {status}"
            refused: HttpResponse = handlers._error("ValidationError", message)  # noqa: SLF001 - as above
            return refused
        return delete(parameters)

    actions["DeleteStack"] = delete_stack


def _wait_for_creations() -> None:
    deploy: Callable[..., Coroutine[Any, Any, None]] = stacks._deploy_stack_async  # noqa: SLF001 - as above
    delete: Callable[..., Coroutine[Any, Any, None]] = stacks._delete_stack_async  # noqa: SLF001 - as above
    creations: dict[str, asyncio.Event] = {}

    async def deployed(name: str, stack_id: str, *rest: Any, **more: Any) -> None:
        stack: Json = cloudformation._stacks[name]  # noqa: SLF001 - as above
        if not str(stack["StackStatus"]).startswith("CREATE"):
            await deploy(name, stack_id, *rest, **more)
            return
        ended = creations[stack_id] = asyncio.Event()
        token = _creation.set(stack)
        try:
            await deploy(name, stack_id, *rest, **more)
        finally:
            _creation.reset(token)
            if stack.get(CANCELLED):
                stack["StackStatus"] = DELETING  # before anybody sees another
            del creations[stack_id]
            ended.set()

    async def deleted(name: str, stack_id: str, *rest: Any, **more: Any) -> None:
        creation = creations.get(stack_id)
        if creation is not None:
            cloudformation._stacks[name] |= {CANCELLED: True, "StackStatus": DELETING}  # noqa: SLF001 - as above
            await creation.wait()
        stack = cloudformation._stacks.get(name) or {}  # noqa: SLF001 - as above
        if stack.get("StackId") == stack_id and stack["StackStatus"] != "DELETE_COMPLETE":
            await delete(name, stack_id, *rest, **more)

    for module in (stacks, handlers, changesets):
        for own, patched in (("_deploy_stack_async", deployed), ("_delete_stack_async", deleted)):
            if hasattr(module, own):
                setattr(module, own, patched)


def _make_nothing_of_a_cancelled_creation() -> None:
    """And roll it back by its deletion alone."""
    make: Callable[..., tuple[str, Any]] = stacks._provision_resource  # noqa: SLF001 - as above
    roll_back: Callable[..., Coroutine[Any, Any, None]] = stacks._roll_back_operation  # noqa: SLF001 - as above

    def made(*arguments: Any) -> tuple[str, Any]:
        if (_creation.get() or {}).get(CANCELLED):
            raise ValueError("Resource creation cancelled")
        return make(*arguments)

    async def rolled_back(*arguments: Any) -> None:
        if not (_creation.get() or {}).get(CANCELLED):
            await roll_back(*arguments)

    stacks._provision_resource = made  # noqa: SLF001 - as above
    stacks._roll_back_operation = rolled_back  # noqa: SLF001 - as above
