"""Nobody has to remember a branch's environment: each night those whose time is over are removed."""

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from pipeline.definition import steps
from pipeline.definition.build_environment import build_environment
from pipeline.definition.expiry_check import FETCH, python
from pipeline.definition.notifications import Notifications
from services.library.contract.environment import Environment
from services.library.contract.names import BRANCH_DEPLOY_ROLE

EVERY_NIGHT = events.Schedule.cron(hour="3", minute="0")
"""UTC."""
SWEEP = ".venv/bin/penstock branch sweep --aws --yes"


class BranchSweep(Construct):
    """A build on a schedule that runs `penstock branch sweep`; who subscribes to the topic hears if it fails.

    All that it may do is assume the role which reaches branch environments alone (pipeline/accounts/branches.yaml).
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        pipeline: codepipeline.IPipeline,
        branches: Environment,
        notifications: Notifications,
        builds: steps.StepBuilds,
        artifacts_key: kms.IKey,
    ) -> None:
        """`branches`: where they are."""
        super().__init__(scope, id_)
        role = builds.scheduled_role("SweepRole")
        limited = f"arn:{pipeline.stack.partition}:iam::{branches.account}:role/{BRANCH_DEPLOY_ROLE}"
        for action, resource in (
            ("codepipeline:ListActionExecutions", pipeline.pipeline_arn),
            ("sts:AssumeRole", limited),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        project = codebuild.Project(
            self,
            "Build",
            description="Removes the branch environments whose time is over",
            role=role.without_policy_updates(),
            encryption_key=artifacts_key,
            logging=builds.logging,
            timeout=cdk.Duration.hours(4),  # one stack alone may take half an hour
            environment=build_environment(codebuild.ComputeType.SMALL),
            environment_variables={"PIPELINE": codebuild.BuildEnvironmentVariable(value=pipeline.pipeline_name)},
            build_spec=codebuild.BuildSpec.from_object(
                {
                    "version": "0.2",
                    "phases": {
                        "install": {"commands": [f'{python(FETCH)} "$PIPELINE"', steps.SETUP]},
                        "build": {"commands": [SWEEP]},
                    },
                }
            ),
        )
        events.Rule(
            self,
            "EveryNight",
            schedule=EVERY_NIGHT,
            targets=[targets.CodeBuildProject(project, dead_letter_queue=notifications.undelivered)],
        )
        build = events.EventField.from_path("$.detail.build-id")
        project.on_state_change(
            "Failed",
            event_pattern=events.EventPattern(detail={"build-status": ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"]}),
            target=targets.SnsTopic(
                notifications.topic,
                dead_letter_queue=notifications.undelivered,
                message=events.RuleTargetInput.from_text(
                    f"A branch environment whose time is over could not be removed. The log of build {build} says why."
                ),
            ),
        )
