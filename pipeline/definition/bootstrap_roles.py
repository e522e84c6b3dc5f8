"""The roles that `cdk bootstrap` made in the accounts of stages."""

import aws_cdk as cdk

from services.library.contract.environment import Environment
from services.library.contract.names import Bootstrap


def bootstrap_role_arn(stack: cdk.Stack, bootstrap: Bootstrap, role: str, *, account: str, region: str) -> str:
    """A role that `cdk bootstrap` made in an account and region, such as `deploy` or `lookup`."""
    return f"arn:{stack.partition}:iam::{account}:role/{bootstrap.role(role, account=account, region=region)}"


def deploy_role_arn(stack: cdk.Stack, bootstrap: Bootstrap, *, account: str, region: str) -> str:
    """The role for deployments to it."""
    return bootstrap_role_arn(stack, bootstrap, "deploy", account=account, region=region)


def lookup_role_arn(stack: cdk.Stack, bootstrap: Bootstrap, place: Environment) -> str:
    """The role that reads it, and changes nothing."""
    return bootstrap_role_arn(stack, bootstrap, "lookup", account=place.account, region=place.region)
