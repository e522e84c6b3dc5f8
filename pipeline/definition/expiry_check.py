"""What the gate would say today of what is on main: acknowledgements end by the calendar, not by a push."""

import shlex
from pathlib import Path

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from pipeline.definition import steps
from pipeline.definition.build_environment import build_environment
from pipeline.definition.notifications import Notifications

EVERY_MORNING = events.Schedule.cron(hour="6", minute="0")
"""UTC."""
ANNOUNCE = '.venv/bin/python -m pipeline.builds.notify_expiry "$TOPIC"'
FETCH = Path(__file__).parents[1].joinpath("builds/fetch_source.py").read_text(encoding="utf-8")
NOT_READY = """
import os, sys, boto3
said = "The daily check of acknowledgements could not be set up. Its log: build " + os.environ["CODEBUILD_BUILD_ID"]
boto3.client("sns").publish(TopicArn=sys.argv[1], Subject="The daily check did not run", Message=said)
"""


class DailyCheck(Construct):
    """A build on a schedule that runs `penstock validate` and tells the pipeline's topic what it finds.

    It can release nothing and stop nothing: an expired acknowledgement blocks a pull request, never what is on main.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        pipeline: codepipeline.IPipeline,
        notifications: Notifications,
        builds: steps.StepBuilds,
        artifacts_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        for actions, resource in (
            (["codepipeline:ListActionExecutions"], pipeline.pipeline_arn),
            (["sns:Publish"], notifications.topic.topic_arn),
            (["kms:Decrypt", "kms:GenerateDataKey"], notifications.key.key_arn),
        ):
            builds.check_role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        self.project = codebuild.Project(
            self,
            "Build",
            description="Tells the pipeline's topic of acknowledgements that have expired or soon will",
            role=builds.check_role.without_policy_updates(),
            encryption_key=artifacts_key,
            logging=builds.logging,
            environment=build_environment(codebuild.ComputeType.SMALL),
            environment_variables={
                "PIPELINE": codebuild.BuildEnvironmentVariable(value=pipeline.pipeline_name),
                "TOPIC": codebuild.BuildEnvironmentVariable(value=notifications.topic.topic_arn),
            },
            build_spec=codebuild.BuildSpec.from_object(
                {
                    "version": "0.2",
                    "phases": {
                        "install": {
                            "commands": [f'{python(FETCH)} "$PIPELINE"', steps.SETUP],
                            "finally": [f'test -x .venv/bin/penstock || {python(NOT_READY)} "$TOPIC"'],
                        },
                        "build": {"commands": [ANNOUNCE]},
                    },
                }
            ),
        )
        events.Rule(
            self,
            "EveryMorning",
            schedule=EVERY_MORNING,
            targets=[targets.CodeBuildProject(self.project, dead_letter_queue=notifications.undelivered)],
        )


def python(program: str) -> str:
    """A command that runs this text; a build that has no checkout yet has no file to run."""
    return f"python3 -c {shlex.quote(program)}"
