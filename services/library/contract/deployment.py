"""Who deploys an environment's stacks, within which boundary, and by which names.

Stages are deployed by the roles that `cdk bootstrap` made, which may do everything in an account. A branch's code has
been read by nobody yet, so a branch environment has roles of its own (pipeline/accounts/branches.yaml), which reach
nothing but what is named or tagged as a branch's.
"""

import aws_cdk as cdk
from constructs import Construct

from services.library.contract import defaults
from services.library.contract.environment import Environment
from services.library.contract.names import BRANCH_DEPLOY_ROLE

BRANCH_PERMISSIONS_BOUNDARY = "penstock-branch-boundary"
"""The policy that bounds every role of a branch environment (pipeline/accounts/branches.yaml)."""
BRANCH_EXECUTION_ROLE = "penstock-branch-execution"
BRANCH_ASSETS = "branch/"
"""Where in the bootstrap's bucket a branch's assets are: its role may write nowhere else."""
LONGEST_NAME = 48
"""Of an event archive; no other of the names may be shorter.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html"""


def permissions_boundary(environment: Environment) -> str:
    """The policy that bounds every role in the environment."""
    return BRANCH_PERMISSIONS_BOUNDARY if environment.prefix else defaults.PERMISSIONS_BOUNDARY


def synthesizer(environment: Environment) -> cdk.IStackSynthesizer | None:
    """How the environment's stacks are deployed; None: as the App says."""
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


def physical_name(scope: Construct, environment: Environment) -> str | None:
    """A name for what CloudFormation would not call by its stack's, on which a branch's roles depend; None on main.

    Unset is better wherever it can be: a resource with a name cannot be replaced.
    """
    if not environment.prefix:
        return None
    unique = cdk.Names.unique_resource_name(scope, max_length=LONGEST_NAME - len(environment.label) - 1)
    return f"{environment.label}-{unique}"
