"""Makes roles in a local cloud that a service may assume."""

import contextlib
import json
from typing import Any

from pipeline.local.lifecycle import LocalCloud


def trust(*services: str) -> dict[str, Any]:
    """A trust policy: who may assume the role."""
    principals = [f"{service}.amazonaws.com" for service in services]
    statement = {"Effect": "Allow", "Principal": {"Service": principals}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def allowing(*actions: str, resource: str = "*") -> dict[str, Any]:
    """A policy that allows these actions."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource}],
    }


def make_role(cloud: LocalCloud, account: str, *services: str, name: str, may: tuple[str, ...] = ()) -> str:
    """The ARN of a role that these services may assume and that may do this; the same name is the same role."""
    client = cloud.client("iam", account)
    with contextlib.suppress(client.exceptions.EntityAlreadyExistsException):
        client.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust(*services)))
    if may:
        client.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=json.dumps(allowing(*may)))
    return f"arn:aws:iam::{account}:role/{name}"
