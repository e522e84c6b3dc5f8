"""Clients that act as another role than the build's own."""

from typing import Any

import boto3


def client(service: str, *, role: str, region: str, session: str) -> Any:
    """Return a client that acts as a role; `session` names it in CloudTrail."""
    given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
    return boto3.client(
        service,  # type: ignore[call-overload]  # a service by name
        region_name=region,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
