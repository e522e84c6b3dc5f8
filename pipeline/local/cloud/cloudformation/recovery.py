"""Ends the operations that a kill interrupted, so that no stack stays in progress and the next deployment is taken."""

import logging

from pipeline.local.cloud.cloudformation import patches
from pipeline.local.cloud.emulator import Emulator, Json

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
    for account, region, stack in patches.stacks_everywhere():
        status = stack["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status not in STABLE:
            with emulator.within(account, region):
                _end(stack, status)
    for change_set in patches.change_sets_everywhere():
        _end_change_set(change_set)


def _end(stack: Json, status: str) -> None:
    creation = status.startswith(("CREATE", "ROLLBACK", "DELETE"))
    if creation:
        _remove_resources(stack)
        ended = "DELETE_COMPLETE"
    else:
        ended = UPDATED.get(status, "UPDATE_ROLLBACK_COMPLETE")
    patches.end_operation(stack, ended, REASON)
    logger.warning("Stack %s was %s when the cloud ended, and is %s now", stack["StackName"], status, ended)


def _remove_resources(stack: Json) -> None:
    """Remove them, the latest first. Custom resources are forgotten: no function can run yet."""
    resources, template = patches.resources_of(stack), patches.template_of(stack)
    for logical_id in reversed(list(resources)):
        resource = resources.pop(logical_id)
        if patches.is_custom_resource(resource["ResourceType"]):
            continue
        declared = template.get("Resources", {}).get(logical_id, {})
        if declared.get("DeletionPolicy") == "Retain":
            continue
        try:
            patches.delete_resource(logical_id, resource)
        except (ValueError, KeyError, RuntimeError) as error:
            logger.warning("%s of stack %s stays behind: %s", logical_id, stack["StackName"], error)
    for output in stack.get("Outputs", []):
        patches.remove_export(output.get("ExportName"))


def _end_change_set(change_set: Json) -> None:
    if change_set.get("ExecutionStatus") == "EXECUTE_IN_PROGRESS":
        change_set["ExecutionStatus"] = "EXECUTE_FAILED"
        change_set["StatusReason"] = REASON
    if str(change_set.get("Status")).endswith(("_IN_PROGRESS", "_PENDING")):
        change_set["Status"] = "FAILED"
        change_set["ExecutionStatus"] = "UNAVAILABLE"
        change_set["StatusReason"] = REASON
