"""One build project for many actions: one for each would be half of a large pipeline's template."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from pipeline.definition.build_environment import build_environment

START_BUILDS = ("codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild")


@dataclass(frozen=True, kw_only=True)
class BuildContent:
    """What a build does."""

    description: str
    spec: Mapping[str, Any]
    variables: Mapping[str, str] = field(default_factory=dict)
    """What an action has that names no other."""
    minutes: int | None = None
    """How long a build may last. None: CodeBuild's hour."""


class SharedBuild(Construct):
    """A project whose actions differ in their variables, and the role in which the pipeline starts it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        content: BuildContent,
        role: iam.IRole,
        logging: codebuild.LoggingOptions,
        encryption_key: kms.IKey,
        pipeline_role: iam.IRole,
    ) -> None:
        """`role`: in which a build runs; `pipeline_role`: of the pipeline, which may start builds of this project."""
        super().__init__(scope, id_)
        self.project = codebuild.PipelineProject(
            self,
            "Project",
            description=content.description,
            role=role,
            logging=logging,
            encryption_key=encryption_key,
            environment=build_environment(codebuild.ComputeType.SMALL),
            environment_variables=as_cdk(content.variables),
            build_spec=codebuild.BuildSpec.from_object(dict(content.spec)),
            timeout=cdk.Duration.minutes(content.minutes) if content.minutes else None,
        )
        starting = iam.Role(self, "StartRole", assumed_by=pipeline_role)
        starting.add_to_policy(iam.PolicyStatement(actions=list(START_BUILDS), resources=[self.project.project_arn]))
        # Each action would add the same statement once more.
        self.start_role = starting.without_policy_updates()


def as_cdk(variables: Mapping[str, str]) -> dict[str, codebuild.BuildEnvironmentVariable]:
    """Return variables of a build as the CDK wants them."""
    return {name: codebuild.BuildEnvironmentVariable(value=value) for name, value in variables.items()}
