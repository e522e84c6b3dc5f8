"""The action beside an approval that gives it by rule, where a run would change nothing and the stage says so.

It runs no file of the commit: its program is text in its project, as what judges the digest is.
"""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.definition.shared_build import BuildContent, SharedBuild, as_cdk
from services.library.contract.names import gate_of

PROGRAM = Path(__file__).parents[1].joinpath("builds/approve_unchanged.py").read_text(encoding="utf-8")
COMMAND = f'python3 -c {shlex.quote(PROGRAM)} "$PIPELINE" "$STAGE" "$EXECUTION"'
"""By the image's own Python, which brings the boto3 that it needs; so no `runtime-versions`."""
READS = ("codepipeline:GetPipeline", "codepipeline:GetPipelineState")


@jsii.implements(pipelines.ICodePipelineActionFactory)
class UnchangedApprovalStep(pipelines.ShellStep):
    """One comparison. A `ShellStep` for its input alone: it makes no project of its own."""

    def __init__(self, label: str, *, assembly: pipelines.FileSet, build: SharedBuild) -> None:
        super().__init__(f"Unchanged-{label}", input=assembly, commands=[COMMAND])
        self._label = label
        self._assembly = assembly
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
        execution = codepipeline.GlobalVariables.EXECUTION_ID
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(self._assembly),
                project=self._build.project,
                role=self._build.start_role,
                environment_variables=as_cdk({"STAGE": self._label, "EXECUTION": execution}),
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1, project=self._build.project)


def content(pipeline: str) -> BuildContent:
    """Return what the build does. `pipeline`: its name."""
    return BuildContent(
        description="Approves runs that would change nothing, in stages that say so",
        spec={"version": "0.2", "phases": {"build": {"commands": [COMMAND]}}},
        variables={"PIPELINE": pipeline},
    )


def statements(
    stack: cdk.Stack, pipeline: str, *, approvals: Sequence[tuple[str, str]], lookup_roles: Sequence[str]
) -> Iterator[iam.PolicyStatement]:
    """Yield what the build may do besides reading artifacts.

    `approvals`: the label of each stage that says so, with the name of its approval; `lookup_roles`: of those stages.
    """
    arn = stack.format_arn(service="codepipeline", resource=pipeline)
    yield iam.PolicyStatement(actions=["sts:AssumeRole"], resources=sorted(set(lookup_roles)))
    yield iam.PolicyStatement(actions=list(READS), resources=[arn])
    yield iam.PolicyStatement(
        actions=["codepipeline:PutApprovalResult"],
        resources=[f"{arn}/{gate_of(label)}/{action}" for label, action in approvals],
    )
