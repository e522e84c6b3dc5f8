"""What a person should know before they agree to a stage, collected by a build of the run right before it asks.

The build runs the commit's own code, with the commit's tools: so it may look at the stages' accounts by their lookup
roles, and at the pipeline, and can change neither. It can answer no approval.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.definition.artifacts import ArtifactStore
from pipeline.definition.build_environment import RUNTIMES
from pipeline.definition.shared_build import BuildContent, SharedBuild, as_cdk
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
CONTENT = BuildContent(
    description="Collects what a person should know before they agree to a stage",
    spec={
        "version": "0.2",
        "env": {"exported-variables": [SUMMARY, LINK]},
        "phases": {
            "install": {"runtime-versions": RUNTIMES, "commands": ["make setup"]},
            "build": {
                "commands": [
                    "make evidence",
                    f'{SUMMARY}=$(cat {FOLDER}/summary.txt) && test -n "${SUMMARY}"',
                    f"{LINK}=${{CODEBUILD_BUILD_URL#https://}}",
                ]
            },
        },
        "artifacts": {"base-directory": FOLDER, "files": ["**/*"]},
    },
)
"""Of the build of all gates."""


@jsii.implements(pipelines.ICodePipelineActionFactory)
class EvidenceStep(pipelines.ShellStep):
    """One collection. A `ShellStep` for its input alone: it makes no project of its own."""

    def __init__(self, label: str, *, source: pipelines.IFileSetProducer, build: SharedBuild) -> None:
        super().__init__(f"{ARTIFACT}-{label}", input=source, commands=["make evidence"])
        self.namespace = f"{gate_of(label)}-evidence"
        # Builds find it by a variable of this name, and no shell has one with a hyphen.
        self.artifact = codepipeline.Artifact(f"{ARTIFACT}_{label.replace('-', '_')}")
        self._label = label
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
        """Add the action; CDK Pipelines calls this."""
        source = self._source.primary_output
        assert source is not None  # noqa: S101 - every source has one
        execution = codepipeline.GlobalVariables.EXECUTION_ID
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(source),
                outputs=[self.artifact],
                project=self._build.project,
                role=self._build.start_role,
                variables_namespace=self.namespace,
                environment_variables=as_cdk({STAGE: self._label, EXECUTION: execution}),
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1, project=self._build.project)


def statements(
    stack: cdk.Stack, pipeline: str, artifacts: ArtifactStore, *, lookup_roles: Sequence[str]
) -> Iterator[iam.PolicyStatement]:
    """Yield what the build may do besides reading the commit. `lookup_roles`: of the stages that it looks at."""
    yield iam.PolicyStatement(actions=["sts:AssumeRole"], resources=sorted(set(lookup_roles)))
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
