"""Ends the operations that a kill interrupted, so that no stack stays in progress and the next deployment is taken."""

import logging
from typing import TYPE_CHECKING, Any

from ministack.core.responses import now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

from pipeline.local.cloud.emulator import Emulator, Json

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

logger = logging.getLogger("penstock.cloudformation")

REASON = "The local cloud was stopped during this operation"
STABLE = frozenset({"REVIEW_IN_PROGRESS"})
"""A stack that so far only has a change set: AWS leaves it like that too, for as long as one likes."""
UPDATED = {
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "IMPORT_IN_PROGRESS": "IMPORT_ROLLBACK_COMPLETE",
    "IMPORT_ROLLBACK_IN_PROGRESS": "IMPORT_ROLLBACK_COMPLETE",
}
"""What an interrupted operation on an existing stack becomes; any other, UPDATE_ROLLBACK_COMPLETE.

Each resource keeps the properties recorded for it, which are those it has. So the next deployment, which compares
with the record and not with a template, changes just what differs from its own.
"""


def settle(emulator: Emulator) -> None:
    """End what was in progress when the state was saved.

    A creation and a deletion are carried to their end: what was made is removed, so that the stack's name is free. On
    AWS an interrupted service simply goes on; a record is all that is left of the operation here.
    """
    everything: Mapping[tuple[str, str, str], Json] = cloudformation._stacks.to_dict()  # noqa: SLF001 - no other seam
    for (account, region, _name), stack in everything.items():
        status = stack["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status not in STABLE:
            with emulator.within(account, region):
                _end(stack, status)
    for change_set in cloudformation._change_sets.to_dict().values():  # noqa: SLF001 - as above
        _end_change_set(change_set)


def _end(stack: Json, status: str) -> None:
    creation = status.startswith(("CREATE", "ROLLBACK", "DELETE"))
    if creation:
        _remove_resources(stack)
        ended = "DELETE_COMPLETE"
    else:
        ended = UPDATED.get(status, "UPDATE_ROLLBACK_COMPLETE")
    stack["StackStatus"] = ended
    stack["StackStatusReason"] = REASON
    stack["LastUpdatedTime"] = now_iso()
    stacks._add_event(  # noqa: SLF001 - as above
        stack["StackId"],
        stack["StackName"],
        stack["StackName"],
        "AWS::CloudFormation::Stack",
        ended,
        REASON,
        stack["StackId"],
    )
    logger.warning("Stack %s was %s when the cloud ended, and is %s now", stack["StackName"], status, ended)


def _remove_resources(stack: Json) -> None:
    """In the reverse of the order they were recorded in. Custom resources are forgotten: no function can run yet."""
    resources: MutableMapping[str, Json] = stack.get("_resources", {})
    template: Mapping[str, Any] = stack.get("_template") or {}
    for logical_id in reversed(list(resources)):
        resource = resources.pop(logical_id)
        type_name = resource["ResourceType"]
        if stacks._runs_on_worker_thread(type_name):  # noqa: SLF001 - as above
            continue
        declared = template.get("Resources", {}).get(logical_id, {})
        if declared.get("DeletionPolicy") == "Retain":
            continue
        try:
            provisioners._delete_resource(  # noqa: SLF001 - as above
                type_name,
                resource["PhysicalResourceId"],
                resource.get("Properties", {}),
                stack["StackName"],
                logical_id,
            )
        except (ValueError, KeyError, RuntimeError) as error:
            logger.warning("%s of stack %s stays behind: %s", logical_id, stack["StackName"], error)
    for output in stack.get("Outputs", []):
        cloudformation._exports.pop(output.get("ExportName"), None)  # noqa: SLF001 - as above


def _end_change_set(change_set: Json) -> None:
    if change_set.get("ExecutionStatus") == "EXECUTE_IN_PROGRESS":
        change_set["ExecutionStatus"] = "EXECUTE_FAILED"
        change_set["StatusReason"] = REASON
    if str(change_set.get("Status")).endswith(("_IN_PROGRESS", "_PENDING")):
        change_set["Status"] = "FAILED"
        change_set["ExecutionStatus"] = "UNAVAILABLE"
        change_set["StatusReason"] = REASON
