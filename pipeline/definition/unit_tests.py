"""The unit tests of services as an action of the pipeline, beside the deployments of its first stage.

CodePipeline enters the next stage once all actions of this one have succeeded: a red unit test goes no further, and a
green one costs no time of its own.
"""

from collections.abc import Iterator
from typing import Any

import jsii
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.definition.artifacts import ArtifactStore
from pipeline.definition.build_environment import RUNTIMES
from pipeline.definition.shared_build import BuildContent, SharedBuild

ACTION = "UnitTests"
COMMANDS = ("make setup", "make units")
PREFIX = "unit-tests"
"""Of the objects that say what has passed, as pipeline/builds/unit_tests.py writes them."""
STORE = "PENSTOCK_ARTIFACTS"


@jsii.implements(pipelines.ICodePipelineActionFactory)
class UnitTestsStep(pipelines.ShellStep):
    """The tests. A `ShellStep` for its input alone: its project is one of several that share what they need."""

    def __init__(self, *, source: pipelines.IFileSetProducer, build: SharedBuild) -> None:
        super().__init__(ACTION, input=source, commands=list(COMMANDS))
        self._source = source
        self._build = build

    def produce_action(
        self,
        stage: codepipeline.IStage,
        *,
        action_name: str,
        artifacts: pipelines.ArtifactMap,
        run_order: float,
        **_: Any,
    ) -> pipelines.CodePipelineActionFactoryResult:
        """Add the action, and leave its place in the order to the next ones as well; CDK Pipelines calls this."""
        source = self._source.primary_output
        assert source is not None  # noqa: S101 - every source has one
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                type=actions.CodeBuildActionType.TEST,
                run_order=run_order,
                input=artifacts.to_code_pipeline(source),
                project=self._build.project,
                role=self._build.start_role,
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=0, project=self._build.project)


def content(artifacts: ArtifactStore) -> BuildContent:
    """Return what the build does."""
    return BuildContent(
        description="Runs the unit tests of the services that a run changes",
        spec={
            "version": "0.2",
            "phases": {
                "install": {"runtime-versions": RUNTIMES, "commands": [COMMANDS[0]]},
                "build": {"commands": [COMMANDS[1]]},
            },
        },
        variables={STORE: artifacts.bucket.bucket_name},
    )


def statements(artifacts: ArtifactStore) -> Iterator[iam.PolicyStatement]:
    """Yield what the build may do besides reading the commit: keep what has passed."""
    yield iam.PolicyStatement(actions=["s3:PutObject"], resources=[artifacts.bucket.arn_for_objects(f"{PREFIX}/*")])
    yield iam.PolicyStatement(actions=["kms:GenerateDataKey"], resources=[artifacts.key.key_arn])
