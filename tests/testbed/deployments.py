"""Deploys templates to a local cloud, and tells how that went."""

import json
import threading
import uuid
from dataclasses import dataclass
from typing import Any

from pipeline.local.lifecycle import LocalCloud

ACCOUNT, REGION = "111111111111", "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A stack after an operation on it."""

    name: str
    status: str
    events: list[dict[str, Any]]

    def reason(self, logical_id: str) -> str:
        """Why a resource, or with the stack's own name the stack, failed; the latest first."""
        return " ".join(
            event.get("ResourceStatusReason", "") for event in self.events if event["LogicalResourceId"] == logical_id
        )


def deploy(
    cloud: LocalCloud, resources: dict[str, Any], *, stack: str = "", account: str = ACCOUNT, **more: Any
) -> Deployment:
    """Create a stack, or update the named one, and wait for the end; `more` are parameters of the call."""
    client = cloud.client("cloudformation", account=account)
    name = stack or f"s-{uuid.uuid4().hex[:12]}"
    call = client.update_stack if stack else client.create_stack
    call(
        StackName=name,
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        **more,
    )
    return ended(cloud, name, account=account)


def ended(cloud: LocalCloud, name: str, *, account: str = ACCOUNT, region: str = REGION) -> Deployment:
    """Wait for the end of what a stack is in."""
    client = cloud.client("cloudformation", account=account, region=region)
    pause = threading.Event()
    for _ in range(1500):
        status = str(client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        if not status.endswith("_IN_PROGRESS"):
            events = client.describe_stack_events(StackName=name)["StackEvents"]
            return Deployment(name=name, status=status, events=events)
        pause.wait(0.02)
    raise AssertionError(f"{name} is still in progress")
