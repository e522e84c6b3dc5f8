"""Nobody has to remember a branch's environment: each night those whose time is over are removed."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam

from pipeline.definition.scheduled_build import ScheduledBuildSettings
from services.library.contract.environment import Environment
from services.library.contract.names import BRANCH_DEPLOY_ROLE

CLEAN_UP = ".venv/bin/penstock branch sweep --aws --yes"


def branch_cleanup(branches: Environment, *, partition: str) -> ScheduledBuildSettings:
    """Return a build that runs `penstock branch sweep` each night. `branches`: where the branch environments are.

    All that it may do is assume the role which reaches branch environments alone (pipeline/accounts/branches.yaml).
    """
    limited = f"arn:{partition}:iam::{branches.account}:role/{BRANCH_DEPLOY_ROLE}"
    return ScheduledBuildSettings(
        description="Removes the branch environments whose time is over",
        role="SweepRole",
        allowed=(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[limited]),),
        schedule=events.Schedule.cron(hour="3", minute="0"),
        command=CLEAN_UP,
        timeout=cdk.Duration.hours(4),  # one stack alone may take half an hour
        failure="A branch environment whose time is over could not be removed.",
    )
