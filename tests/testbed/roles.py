"""Roles that may do what a test is not about, and policies of resources that let services in."""

import json
from collections.abc import Sequence
from typing import Any

from botocore.credentials import Credentials

from pipeline.local.lifecycle import LocalCloud

ACCOUNT = "111111111111"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def root(cloud: LocalCloud, account: str = ACCOUNT) -> Credentials:
    """What a person signs with as an account itself."""
    return Credentials(account, cloud.root_secret)


def role(
    cloud: LocalCloud,
    name: str,
    *services: str,
    account: str = ACCOUNT,
    principals: Sequence[str] = (),
    **statement: Any,
) -> str:
    """Make a role, unless there is one, that these services and principals may assume.

    It may do what a statement says, or anything.

    Returns:
        Its ARN.
    """
    iam = cloud.client("iam", account)
    who = {"Service": services, **({"AWS": principals} if principals else {})}
    trust = {"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"}
    try:
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
    except iam.exceptions.EntityAlreadyExistsException:
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])
    allowed = {**EVERYTHING, **statement}
    iam.put_role_policy(RoleName=name, PolicyName="May", PolicyDocument=_document(allowed))
    return str(made["Role"]["Arn"])


def letting_in(*services: str, action: str, resource: str) -> str:
    """The policy of a resource that these services may call, such as `sns.amazonaws.com`."""
    return _document({"Effect": "Allow", "Principal": {"Service": services}, "Action": action, "Resource": resource})


def _document(statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
