"""The action beside an approval that gives it by rule, where a run would change nothing and the stage says so.

It runs no file of the commit: its program is text in its project, as what judges the digest is.
"""

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.definition import programs
from pipeline.definition.build_step import BuildStep
from pipeline.definition.shared_build import BuildContent, SharedBuild
from services.library.contract.names import gate_of

PIPELINE, STAGE, EXECUTION = "PIPELINE", "STAGE", "EXECUTION"
"""Variables: which run of which pipeline, in front of which stage."""
LOOKING = "LOOKING"
"""The variable with the names of the projects that change nothing: probes, bakes, and termination protection."""
PROGRAM = "pipeline.builds.approve_unchanged"
COMMANDS = (
    *programs.write([PROGRAM]),
    programs.run(PROGRAM, f'"$CODEBUILD_SRC_DIR" "${PIPELINE}" "${STAGE}" "${EXECUTION}" "${LOOKING}"'),
)
READS = ("codepipeline:GetPipeline", "codepipeline:GetPipelineState")


def step(label: str, *, assembly: pipelines.FileSet, build: SharedBuild) -> pipelines.Step:
    """Return the comparison for a stage or wave."""
    variables = {STAGE: label, EXECUTION: codepipeline.GlobalVariables.EXECUTION_ID}
    return BuildStep(f"Unchanged-{label}", files=assembly, build=build, commands=COMMANDS, variables=variables)


def content(pipeline: str, *, looking: Sequence[SharedBuild]) -> BuildContent:
    """Return what the build does. `pipeline`: its name; `looking`: builds that change nothing."""
    return BuildContent(
        description="Approves runs that would change nothing, in stages that say so",
        spec={"version": "0.2", "phases": {"build": {"commands": list(COMMANDS)}}},
        variables={PIPELINE: pipeline, LOOKING: " ".join(each.project.project_name for each in looking)},
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
