"""The unit tests of services as an action of the pipeline, beside the deployments of its first stage.

CodePipeline enters the next stage once all actions of this one have succeeded: a red unit test goes no further, and a
green one costs no time of its own.
"""

from collections.abc import Iterator

from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.definition.artifacts import ArtifactStore
from pipeline.definition.build_environment import RUNTIMES
from pipeline.definition.build_step import BuildStep
from pipeline.definition.shared_build import BuildContent, SharedBuild

ACTION = "UnitTests"
COMMANDS = ("make setup", "make units")
PREFIX = "unit-tests"
"""Of the objects that say what has passed, as pipeline/builds/unit_tests.py writes them."""
STORE = "PENSTOCK_ARTIFACTS"


def step(*, source: pipelines.IFileSetProducer, build: SharedBuild) -> pipelines.Step:
    """Return the tests, which leave their place in the order to what comes next as well."""
    return BuildStep(ACTION, files=source, build=build, commands=COMMANDS, variables={}, is_beside_next=True)


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
