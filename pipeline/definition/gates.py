"""The stage in front of one that a person agrees to: what would be deployed, the person, whether it is still that.

The digest of the cloud assembly stands in the approval. The last action computes it again and refuses another one. That
is in front of the stage and not in it: a refusal there would roll the stage back.
"""

from itertools import pairwise
from typing import Any

import jsii
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import pipelines
from constructs import Construct

from pipeline.definition.build_environment import build_environment
from pipeline.definition.probes import START_BUILDS
from services.library.contract.names import gate_of

APPROVAL = "Approve"
"""Begins the name of the action in which a person agrees to a stage or wave."""
DIGEST = "DIGEST"
COMMANDS = (
    # No file of the commit is run: what judges an assembly is no part of it.
    f"{DIGEST}=$(find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)",
    f'echo "The assembly is ${DIGEST}. What was approved is ${{APPROVED:-not known yet}}."',
    f'test -z "$APPROVED" || test "$APPROVED" = "${DIGEST}"',
)


class GateBuild(Construct):
    """The build of all gates, and the role in which the pipeline starts it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        role: iam.IRole,
        logging: codebuild.LoggingOptions,
        encryption_key: kms.IKey,
        pipeline_role: iam.IRole,
    ) -> None:
        """`role`: in which it runs; `pipeline_role`: of the pipeline, which may start builds of this project."""
        super().__init__(scope, id_)
        spec = {
            "version": "0.2",
            "env": {"exported-variables": [DIGEST]},
            "phases": {"build": {"commands": list(COMMANDS)}},
        }
        self.project = codebuild.PipelineProject(
            self,
            "Project",
            description="Computes the digest of what would be deployed, before and after a person agrees to it",
            role=role,
            logging=logging,
            encryption_key=encryption_key,
            environment=build_environment(codebuild.ComputeType.SMALL),
            build_spec=codebuild.BuildSpec.from_object(spec),
        )
        starting = iam.Role(self, "StartRole", assumed_by=pipeline_role)
        starting.add_to_policy(iam.PolicyStatement(actions=list(START_BUILDS), resources=[self.project.project_arn]))
        # Each action would add the same statement once more.
        self.start_role = starting.without_policy_updates()


@jsii.implements(pipelines.ICodePipelineActionFactory)
class DigestStep(pipelines.ShellStep):
    """One computation of the digest. A `ShellStep` for its input alone: it makes no project of its own."""

    def __init__(
        self, id_: str, *, assembly: pipelines.FileSet, build: GateBuild, namespace: str = "", approved: str = ""
    ) -> None:
        """`namespace`: under which others read it; `approved`: what it must be."""
        super().__init__(id_, input=assembly, commands=list(COMMANDS))
        self._assembly = assembly
        self._build = build
        self._namespace = namespace
        self._approved = approved

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
        given = {"APPROVED": codebuild.BuildEnvironmentVariable(value=self._approved)} if self._approved else None
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(self._assembly),
                project=self._build.project,
                role=self._build.start_role,
                variables_namespace=self._namespace or None,
                environment_variables=given,
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1, project=self._build.project)


def steps(label: str, *, assembly: pipelines.FileSet, build: GateBuild) -> list[pipelines.Step]:
    """Return the steps of a stage's, or a wave's, gate, each after the one before."""
    namespace = gate_of(label)
    digest = f"#{{{namespace}.{DIGEST}}}"
    made: list[pipelines.Step] = [
        DigestStep(f"Digest-{label}", assembly=assembly, build=build, namespace=namespace),
        pipelines.ManualApprovalStep(f"{APPROVAL}-{label}", comment=f"Assembly {digest}"),
        DigestStep(f"Check-{label}", assembly=assembly, build=build, approved=digest),
    ]
    for before, after in pairwise(made):
        after.add_step_dependency(before)
    return made
