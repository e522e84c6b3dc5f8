"""Brings a stack of the local cloud to a template, and leaves it alone where it is there already."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from pipeline.local.errors import LocalCloudError

POLLING = {"Delay": 0.2, "MaxAttempts": 300}
DEPLOYED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
FINGERPRINT = "penstock:fingerprint"
"""The tag that says which template and parameters a stack was made of."""


def bring_to(client: Any, name: str, *, template: str, parameters: Mapping[str, str]) -> bool:
    """Create or update one stack and wait for it; False if it was as wanted before. `client`: CloudFormation's."""
    fingerprint = hashlib.sha256(json.dumps([template, sorted(parameters.items())]).encode()).hexdigest()
    stack = find(client, name)
    if stack is not None and stack["StackStatus"] in DEPLOYED and _fingerprint(stack) == fingerprint:
        return False
    if stack is not None and stack["StackStatus"] not in DEPLOYED:
        client.delete_stack(StackName=name)
        client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=POLLING)
        stack = None
    send, waiter = (
        (client.create_stack, "stack_create_complete")
        if stack is None
        else (client.update_stack, "stack_update_complete")
    )
    send(
        StackName=name,
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": FINGERPRINT, "Value": fingerprint}],
    )
    try:
        client.get_waiter(waiter).wait(StackName=name, WaiterConfig=POLLING)
    except WaiterError as error:
        raise LocalCloudError(f"The stack {name} could not be deployed: {_why(client, name)}") from error
    return True


def find(client: Any, name: str) -> dict[str, Any] | None:
    """The stack as CloudFormation describes it, or None if there is none."""
    try:
        found: dict[str, Any] = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return found


def _fingerprint(stack: dict[str, Any]) -> str | None:
    return next((tag["Value"] for tag in stack.get("Tags", []) if tag["Key"] == FINGERPRINT), None)


def _why(client: Any, name: str) -> str:
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event
    ]
    return "; ".join(reasons) or "the stack's events give no reason"
