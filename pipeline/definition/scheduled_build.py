"""A build that a schedule starts, and no push: it works on what the pipeline's source took last."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from pipeline.definition import steps
from pipeline.definition.build_environment import build_environment
from pipeline.definition.notifications import Notifications

FETCH = Path(__file__).parents[1].joinpath("builds/fetch_source.py").read_text(encoding="utf-8")
"""Given as text: a build that has no checkout yet has no file to run. No `runtime-versions` either: only the image's
default Python brings the boto3 that it needs."""


@dataclass(frozen=True, kw_only=True)
class ScheduledBuildSettings:
    """What one build does, and when."""

    description: str
    role: str
    """The id of its role among those of the steps' builds."""
    allowed: Sequence[iam.PolicyStatement]
    """What the role may do besides reading the source."""
    schedule: events.Schedule
    """In UTC."""
    command: str
    variables: Mapping[str, str] = field(default_factory=dict)
    timeout: cdk.Duration | None = None
    """None: CodeBuild's own, an hour."""
    failure: str
    """What subscribers of the pipeline's topic read first if it fails."""


class ScheduledBuild(Construct):
    """A project, the rule that starts it, and the rule that tells the pipeline's topic if it fails."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: ScheduledBuildSettings,
        pipeline: codepipeline.IPipeline,
        notifications: Notifications,
        builds: steps.StepBuilds,
    ) -> None:
        super().__init__(scope, id_)
        role = builds.scheduled_role(settings.role)
        finding = iam.PolicyStatement(actions=["codepipeline:ListActionExecutions"], resources=[pipeline.pipeline_arn])
        for statement in (finding, *settings.allowed):
            role.add_to_policy(statement)
        variables = {"PIPELINE": pipeline.pipeline_name, **settings.variables}
        install = [f'python3 -c {shlex.quote(FETCH)} "$PIPELINE"', steps.SETUP]
        project = codebuild.Project(
            self,
            "Build",
            description=settings.description,
            role=role.without_policy_updates(),
            encryption_key=builds.artifacts_key,
            logging=builds.logging,
            timeout=settings.timeout,
            environment=build_environment(codebuild.ComputeType.SMALL),
            environment_variables={
                name: codebuild.BuildEnvironmentVariable(value=value) for name, value in variables.items()
            },
            build_spec=codebuild.BuildSpec.from_object(
                {
                    "version": "0.2",
                    "phases": {"install": {"commands": install}, "build": {"commands": [settings.command]}},
                }
            ),
        )
        events.Rule(
            self,
            "Schedule",
            schedule=settings.schedule,
            targets=[targets.CodeBuildProject(project, dead_letter_queue=notifications.undelivered)],
        )
        build = events.EventField.from_path("$.detail.build-id")
        project.on_state_change(
            "Failed",
            event_pattern=events.EventPattern(detail={"build-status": ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"]}),
            target=targets.SnsTopic(
                notifications.topic,
                dead_letter_queue=notifications.undelivered,
                message=events.RuleTargetInput.from_text(f"{settings.failure} The log of build {build} says why."),
            ),
        )
