"""A stack whose first creation failed is deleted, and what stayed behind of it is adopted by another of its name.

Deleting the stack deletes nothing that is retained. The next deployment updates the new one, so that nothing is deleted
which production's guard keeps, and no name is in the way.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html (read 2026-11-30)
"""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from pipeline.operate.errors import OperateError
from pipeline.operate.failed_creation import IDENTIFIERS, FailedCreation, Fate, LeftResource
from pipeline.operate.rollback import CAPABILITIES, LONGEST_BODY
from pipeline.operate.session import hermetic_session
from pipeline.operate.target import Target


def apply(target: Target, failed: FailedCreation) -> None:
    """Delete the failed stack, and adopt what stayed behind empty.

    In the role that the pipeline deploys with, which passes CloudFormation the role that the stack was given.
    """
    partition = hermetic_session().get_partition_for_region(target.region)
    name = target.bootstrap.role("deploy", account=target.account, region=target.region)
    role = f"arn:{partition}:iam::{target.account}:role/{name}"
    client = target.assumed("cloudformation", role=role, account=target.account, region=target.region)
    polling = {"Delay": 5 if not target.is_local else 1, "MaxAttempts": 720}
    adopted = [each for each in failed.resources if each.fate is Fate.ADOPTED]
    try:
        _delete(client, failed, polling)
        if adopted:
            _adopt(client, failed, adopted, polling)
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"Stack {failed.stack}: {error}") from error


def _delete(client: Any, failed: FailedCreation, polling: Mapping[str, int]) -> None:
    given: dict[str, Any] = {"StackName": failed.stack}
    if role := failed.described.get("RoleARN"):
        given["RoleARN"] = role
    waiter = client.get_waiter("stack_delete_complete")
    stack_id = failed.described["StackId"]
    client.delete_stack(**given)
    try:
        waiter.wait(StackName=stack_id, WaiterConfig=polling)
    except WaiterError:
        kept = _not_deleted(client, stack_id)
        known = {each.logical_id for each in failed.resources}
        if not kept or not kept <= known:
            others = ", ".join(sorted(kept - known)) or "CloudFormation does not say what"
            raise OperateError(
                f"Stack {failed.stack} could not be deleted: {others} stayed. The same again looks into it first."
            ) from None
        client.delete_stack(**given, RetainResources=sorted(kept))
        waiter.wait(StackName=stack_id, WaiterConfig=polling)


def _not_deleted(client: Any, stack_id: str) -> set[str]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    found = (each for page in pages for each in page["StackResourceSummaries"])
    return {each["LogicalResourceId"] for each in found if each["ResourceStatus"] == "DELETE_FAILED"}


def _adopt(client: Any, failed: FailedCreation, adopted: Sequence[LeftResource], polling: Mapping[str, int]) -> None:
    wanted = _import_template(failed.template, {each.logical_id for each in adopted})
    body = json.dumps(wanted, separators=(",", ":"))
    if len(body.encode()) > LONGEST_BODY:
        raise OperateError(
            f"Stack {failed.stack} is deleted. What stayed behind is too much to be adopted in one call."
        )
    change_set = f"adopt-{uuid.uuid4().hex[:8]}"
    given = {
        "StackName": failed.stack,
        "ChangeSetName": change_set,
        "ChangeSetType": "IMPORT",
        "TemplateBody": body,
        "Capabilities": CAPABILITIES,
        "Parameters": _parameters(failed),
        "Tags": failed.described.get("Tags", []),
        "ResourcesToImport": [
            {
                "ResourceType": each.type,
                "LogicalResourceId": each.logical_id,
                "ResourceIdentifier": {IDENTIFIERS[each.type]: each.physical_id},
            }
            for each in adopted
        ],
    }
    if role := failed.described.get("RoleARN"):
        given["RoleARN"] = role
    made = client.create_change_set(**given)
    try:
        client.get_waiter("change_set_create_complete").wait(ChangeSetName=made["Id"], WaiterConfig=polling)
        client.execute_change_set(ChangeSetName=made["Id"])
        client.get_waiter("stack_import_complete").wait(StackName=made["StackId"], WaiterConfig=polling)
    except WaiterError as error:
        why = client.describe_change_set(ChangeSetName=made["Id"]).get("StatusReason", "CloudFormation gives no reason")
        client.delete_stack(StackName=made["StackId"])  # no deployment gets past one that has a change set and no more
        raise OperateError(
            f"Stack {failed.stack} is deleted, and what stayed behind was not adopted: {why}. It stays as it is."
        ) from error


def _import_template(template: Mapping[str, Any], adopted: Collection[str]) -> dict[str, Any]:
    kept = {name: template[name] for name in ("Parameters", "Conditions", "Mappings") if name in template}
    parts = ("Type", "Condition", "Properties", "DeletionPolicy", "UpdateReplacePolicy")
    resources = {
        logical_id: {"DeletionPolicy": "Retain"} | {part: body[part] for part in parts if part in body}
        for logical_id, body in template["Resources"].items()
        if logical_id in adopted
    }
    return {**kept, "Resources": resources}


def _parameters(failed: FailedCreation) -> list[dict[str, str]]:
    given = failed.described.get("Parameters", [])
    return [{name: each[name] for name in ("ParameterKey", "ParameterValue")} for each in given]
