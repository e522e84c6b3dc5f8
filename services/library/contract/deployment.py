"""Deployment roles, permissions boundary and physical names of an environment's stacks.

Stages are deployed by the roles that `cdk bootstrap` made, which may do everything in an account. Nobody has reviewed a
branch's code yet, so a branch environment has roles of its own (pipeline/accounts/branches.yaml), which reach only what
is named or tagged as a branch's.
"""

import aws_cdk as cdk
from constructs import Construct

from services.library.contract import defaults
from services.library.contract.environment import Environment
from services.library.contract.names import BRANCH_DEPLOY_ROLE

BRANCH_PERMISSIONS_BOUNDARY = "penstock-branch-boundary"
"""The permissions boundary of every role in a branch environment (pipeline/accounts/branches.yaml)."""
BRANCH_EXECUTION_ROLE = "penstock-branch-execution"
BRANCH_ASSETS = "branch/"
"""The prefix of a branch's assets in the bootstrap bucket: the branch role may write nowhere else."""
LONGEST_NAME = 48
"""The limit for the name of an event archive, the lowest of the names that are set.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html"""


def permissions_boundary(environment: Environment, boundary: str = defaults.PERMISSIONS_BOUNDARY) -> str:
    """Return the name of the permissions boundary of every role in the environment. `boundary`: that of stages."""
    return BRANCH_PERMISSIONS_BOUNDARY if environment.prefix else boundary


def synthesizer(environment: Environment) -> cdk.IStackSynthesizer | None:
    """Return the synthesizer for the environment's stacks; None means the App's default."""
    if not environment.prefix:
        return None
    role = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/"
    return cdk.DefaultStackSynthesizer(
        deploy_role_arn=f"{role}{BRANCH_DEPLOY_ROLE}",
        file_asset_publishing_role_arn=f"{role}{BRANCH_DEPLOY_ROLE}",
        cloud_formation_execution_role=f"{role}{BRANCH_EXECUTION_ROLE}",
        bucket_prefix=BRANCH_ASSETS,
        use_lookup_role_for_stack_operations=False,
    )


def creation_suffix() -> str:
    """Return the end of a name that has to be set and whose resource is retained: each creation of a stack has another.

    What stays behind of a creation that failed would otherwise be in the way of the next one. Eight signs of the
    stack's id, which is a UUID.
    """
    unique = cdk.Fn.select(2, cdk.Fn.split("/", cdk.Aws.STACK_ID))
    return f"-{cdk.Fn.select(0, cdk.Fn.split('-', unique))}"


def physical_name(scope: Construct, environment: Environment) -> str | None:
    """Return a physical name for a resource whose generated name would not begin with its stack's; None on main.

    The roles of a branch depend on the prefix. Everywhere else the name stays unset: a resource with a physical name
    cannot be replaced.
    """
    if not environment.prefix:
        return None
    unique = cdk.Names.unique_resource_name(scope, max_length=LONGEST_NAME - len(environment.label) - 1)
    return f"{environment.label}-{unique}"
