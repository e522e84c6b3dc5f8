"""The stage in front of one that a person agrees to: evidence, digest, the person, whether both are still that.

The evidence, which the commit's own code collects, stands in the approval with the digest of it and of the cloud
assembly. The last action computes the digest again and refuses another one. That is in front of the stage and not in
it: a refusal there would roll the stage back.
"""

from itertools import pairwise
from typing import Any

import jsii
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import pipelines

from pipeline.definition.gate_evidence import EVIDENCE, LINK, SUMMARY, EvidenceStep
from pipeline.definition.shared_build import BuildContent, SharedBuild, as_cdk
from pipeline.definition.unchanged_approval import UnchangedApprovalStep
from services.library.contract.names import gate_of

APPROVAL = "Approve"
"""Begins the name of the action in which a person agrees to a stage or wave."""
DIGEST, APPROVED = "DIGEST", "APPROVED"
"""Variables: what a build finds, and what it must find. Without the latter it fails."""
NOT_ASKED_YET = "not-asked-yet"
COMMANDS = (
    # No file of the commit is run: what judges an assembly and its evidence is no part of either.
    f'FOLDER=$(printenv "CODEBUILD_SRC_DIR_${EVIDENCE}") && test -d "$FOLDER"',
    "FILES='find . -type f -print0 | sort -z | xargs -0 sha256sum'",
    f'{DIGEST}=$( (eval "$FILES"; cd "$FOLDER" && eval "$FILES") | sha256sum | cut -d " " -f 1)',
    f'echo "Assembly and evidence are ${DIGEST}. What was approved is ${{{APPROVED}:-unknown}}."',
    f'test "${APPROVED}" = {NOT_ASKED_YET} || test "${APPROVED}" = "${DIGEST}"',
)
CONTENT = BuildContent(
    description="Computes the digest of what would be deployed, and of what is known of it, before and after a person"
    " agrees to it",
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
        self,
        id_: str,
        *,
        assembly: pipelines.FileSet,
        evidence: codepipeline.Artifact,
        build: SharedBuild,
        approved: str,
        namespace: str = "",
    ) -> None:
        """`approved`: what it must be, or NOT_ASKED_YET; `namespace`: under which others read it."""
        super().__init__(id_, input=assembly, commands=list(COMMANDS))
        self._assembly = assembly
        self._evidence = evidence
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
        name = self._evidence.artifact_name
        assert name is not None  # noqa: S101 - gate_evidence.py gives it one
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(self._assembly),
                extra_inputs=[self._evidence],
                project=self._build.project,
                role=self._build.start_role,
                variables_namespace=self._namespace or None,
                environment_variables=as_cdk({APPROVED: self._approved, EVIDENCE: name}),
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1, project=self._build.project)


def approval_of(label: str) -> str:
    """Return the name of the action in which a person agrees to a stage or wave."""
    return f"{APPROVAL}-{label}"


def steps(
    label: str,
    *,
    assembly: pipelines.FileSet,
    source: pipelines.IFileSetProducer,
    build: SharedBuild,
    evidence: SharedBuild,
    unchanged: SharedBuild | None,
) -> list[pipelines.Step]:
    """Return the steps of a stage's, or a wave's, gate, each after the one before.

    `unchanged`: what approves a run by rule that would change nothing; None where a person is always asked.
    """
    namespace = gate_of(label)
    digest = f"#{{{namespace}.{DIGEST}}}"
    collected = EvidenceStep(label, source=source, build=evidence)
    given: dict[str, Any] = {"assembly": assembly, "evidence": collected.artifact, "build": build}
    made: list[pipelines.Step] = [
        collected,
        DigestStep(f"Digest-{label}", approved=NOT_ASKED_YET, namespace=namespace, **given),
        pipelines.ManualApprovalStep(
            approval_of(label),
            comment=f"#{{{collected.namespace}.{SUMMARY}}} Digest: {digest}",
            # CodePipeline takes an address alone, and knows the rest of it only in the run.
            review_url=f"https://#{{{collected.namespace}.{LINK}}}",
        ),
        DigestStep(f"Check-{label}", approved=digest, **given),
    ]
    for before, after in pairwise(made):
        after.add_step_dependency(before)
    if unchanged is None:
        return made
    by_rule = UnchangedApprovalStep(label, assembly=assembly, build=unchanged)
    by_rule.add_step_dependency(made[1])
    return [*made, by_rule]
