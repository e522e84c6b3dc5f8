"""What a person should know before they agree to a stage, collected by a build of the run right before it asks.

The build runs the commit's own code, with the commit's tools: so it may look at the stages' accounts by their lookup
roles, and at the pipeline, and can change neither. It can answer no approval.
"""

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.definition.artifacts import ArtifactStore
from pipeline.definition.build_environment import RUNTIMES
from pipeline.definition.build_step import BuildStep
from pipeline.definition.shared_build import BuildContent, SharedBuild
from services.library.contract.names import gate_of

EVIDENCE = "EVIDENCE"
"""The variable of later builds that names the artifact."""
STAGE, EXECUTION = "STAGE", "EXECUTION"
"""Variables that say which run is looked at, and in front of which stage."""
SUMMARY, LINK = "SUMMARY", "LINK"
"""Variables that the build gives to the approval: a line of text, and an address without its scheme."""
ARTIFACT = "Evidence"
"""Begins the artifact's name, and so its key in the store, which has ten characters of that."""
FOLDER = "evidence"
READS = (
    "codepipeline:GetPipeline",
    "codepipeline:GetPipelineExecution",
    "codepipeline:GetPipelineState",
    "codepipeline:ListActionExecutions",
    "codepipeline:ListPipelineExecutions",
)
COMMANDS = (
    "make evidence",
    f'{SUMMARY}=$(cat {FOLDER}/summary.txt) && test -n "${SUMMARY}"',
    f"{LINK}=${{CODEBUILD_BUILD_URL#https://}}",
)
CONTENT = BuildContent(
    description="Collects what a person should know before they agree to a stage",
    spec={
        "version": "0.2",
        "env": {"exported-variables": [SUMMARY, LINK]},
        "phases": {
            "install": {"runtime-versions": RUNTIMES, "commands": ["make setup"]},
            "build": {"commands": list(COMMANDS)},
        },
        "artifacts": {"base-directory": FOLDER, "files": ["**/*"]},
    },
)
"""Of the build of all gates."""


def namespace(label: str) -> str:
    """Return under which the approval of a stage or wave reads what the build exports."""
    return f"{gate_of(label)}-evidence"


def artifact(label: str) -> codepipeline.Artifact:
    """Return the artifact; builds find it by a variable of its name, and no shell has one with a hyphen."""
    return codepipeline.Artifact(f"{ARTIFACT}_{label.replace('-', '_')}")


def step(
    label: str, output: codepipeline.Artifact, *, source: pipelines.IFileSetProducer, build: SharedBuild
) -> pipelines.Step:
    """Return the collection for a stage or wave."""
    return BuildStep(
        f"{ARTIFACT}-{label}",
        files=source,
        build=build,
        commands=COMMANDS,
        variables={STAGE: label, EXECUTION: codepipeline.GlobalVariables.EXECUTION_ID},
        namespace=namespace(label),
        output=output,
    )


def statements(
    stack: cdk.Stack, pipeline: str, artifacts: ArtifactStore, *, lookup_roles: Sequence[str]
) -> Iterator[iam.PolicyStatement]:
    """Yield what the build may do besides reading the commit. `lookup_roles`: of the stages that it looks at."""
    yield iam.PolicyStatement(actions=["sts:AssumeRole"], resources=sorted({*lookup_roles}))
    yield iam.PolicyStatement(
        actions=list(READS), resources=[stack.format_arn(service="codepipeline", resource=pipeline)]
    )
    # "pipeline/artifact/random", both cut short: no other artifact of the run can be written.
    yield iam.PolicyStatement(
        actions=["s3:PutObject"], resources=[artifacts.bucket.arn_for_objects(f"{prefix(pipeline)}*")]
    )
    yield iam.PolicyStatement(actions=["kms:Encrypt", "kms:GenerateDataKey"], resources=[artifacts.key.key_arn])


def prefix(pipeline: str) -> str:
    """Return how the keys of evidence begin in the pipeline's store."""
    return f"{pipeline[:20]}/{ARTIFACT}_"
