"""The stage in front of one that a person agrees to: what would be deployed, the person, whether it is still that.

The digest of the cloud assembly stands in the approval. The last action computes it again and refuses another one. That
is in front of the stage and not in it: a refusal there would roll the stage back.
"""

from itertools import pairwise
from typing import Any

import jsii
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import pipelines

from pipeline.definition.shared_build import BuildContent, SharedBuild, as_cdk
from services.library.contract.names import gate_of

APPROVAL = "Approve"
"""Begins the name of the action in which a person agrees to a stage or wave."""
DIGEST, APPROVED = "DIGEST", "APPROVED"
"""Variables: what a build finds, and what it must find. Without the latter it fails."""
NOT_ASKED_YET = "not-asked-yet"
COMMANDS = (
    # No file of the commit is run: what judges an assembly is no part of it.
    f"{DIGEST}=$(find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)",
    f'echo "The assembly is ${DIGEST}. What was approved is ${{{APPROVED}:-unknown}}."',
    f'test "${APPROVED}" = {NOT_ASKED_YET} || test "${APPROVED}" = "${DIGEST}"',
)
CONTENT = BuildContent(
    description="Computes the digest of what would be deployed, before and after a person agrees to it",
    spec={
        "version": "0.2",
        "env": {"exported-variables": [DIGEST]},
        "phases": {"build": {"commands": list(COMMANDS)}},
    },
)
"""Of the build of all gates."""


@jsii.implements(pipelines.ICodePipelineActionFactory)
class DigestStep(pipelines.ShellStep):
    """One computation of the digest. A `ShellStep` for its input alone: it makes no project of its own."""

    def __init__(
        self, id_: str, *, assembly: pipelines.FileSet, build: SharedBuild, approved: str, namespace: str = ""
    ) -> None:
        """`approved`: what it must be, or NOT_ASKED_YET; `namespace`: under which others read it."""
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
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(self._assembly),
                project=self._build.project,
                role=self._build.start_role,
                variables_namespace=self._namespace or None,
                environment_variables=as_cdk({APPROVED: self._approved}),
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1, project=self._build.project)


def steps(label: str, *, assembly: pipelines.FileSet, build: SharedBuild) -> list[pipelines.Step]:
    """Return the steps of a stage's, or a wave's, gate, each after the one before."""
    namespace = gate_of(label)
    digest = f"#{{{namespace}.{DIGEST}}}"
    made: list[pipelines.Step] = [
        DigestStep(f"Digest-{label}", assembly=assembly, build=build, approved=NOT_ASKED_YET, namespace=namespace),
        pipelines.ManualApprovalStep(f"{APPROVAL}-{label}", comment=f"Assembly {digest}"),
        DigestStep(f"Check-{label}", assembly=assembly, build=build, approved=digest),
    ]
    for before, after in pairwise(made):
        after.add_step_dependency(before)
    return made
