"""The stage in front of one that a person, a clock or an alarm agrees to.

What would be deployed, the person, whether it is still that; then whether the stage may be released to now. The digest
of the cloud assembly stands in the approval. The last action computes it again and refuses another one, and judges
windows, freezes and alarms. That is in front of the stage and not in it: a refusal there would roll the stage back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.catalogue.model import Catalogue, Stage, Wave
from pipeline.catalogue.release import has_gate
from pipeline.definition import programs, release_rules
from pipeline.definition.shared_build import BuildContent, SharedBuild, as_cdk
from pipeline.settings import Settings
from services.library.contract.names import gate_of

APPROVAL = "Approve"
"""Begins the name of the action in which a person agrees to a stage or wave."""
DIGEST, APPROVED = "DIGEST", "APPROVED"
"""Variables: what a build finds, and what it must find. Without the latter it fails."""
NOT_ASKED_YET = "not-asked-yet"
LONGEST_MINUTES = 2_160
"""As long as a build may last: the gate waits while a run bakes in its stage."""
COMMANDS = (
    # No file of the commit is run: what judges an assembly is no part of it.
    f"{DIGEST}=$(find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)",
    f'echo "The assembly is ${DIGEST}. What was approved is ${{{APPROVED}:-unknown}}."',
    f'test "${APPROVED}" = {NOT_ASKED_YET} || test "${APPROVED}" = "${DIGEST}"',
)
RULES, PIPELINE, STAGE, EXECUTION = "RULES", "PIPELINE", "STAGE", "EXECUTION"
"""Variables of the action that judges whether the stage may be released to."""
JUDGE = "pipeline.builds.release_gate"
JUDGED_WITH = (
    JUDGE,
    "pipeline.builds.alarms",
    "pipeline.builds.assumed_role",
    "pipeline.builds.clock",
    "services.library.contract.release_times",
)
JUDGING = (
    *programs.write(JUDGED_WITH),
    f'test -z "${{{RULES}:-}}" || '
    + programs.run(JUDGE, f'--rules "${RULES}" --pipeline "${PIPELINE}" --stage "${STAGE}" --execution "${EXECUTION}"'),
)
CONTENT = BuildContent(
    description="Computes the digest of what would be deployed, and judges whether the stage may be released to",
    spec={
        "version": "0.2",
        "env": {"exported-variables": [DIGEST]},
        "phases": {"build": {"commands": [*COMMANDS, *JUDGING]}},
    },
    minutes=LONGEST_MINUTES,
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
        build: SharedBuild,
        variables: Mapping[str, str],
        namespace: str = "",
    ) -> None:
        """`variables`: what the digest must be, and what the stage is judged by; `namespace`: where others read it."""
        super().__init__(id_, input=assembly, commands=list(COMMANDS))
        self._assembly = assembly
        self._build = build
        self._namespace = namespace
        self._variables = variables

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
                environment_variables=as_cdk(self._variables),
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1, project=self._build.project)


@dataclass(frozen=True, kw_only=True)
class GatedStages:
    """The stages and waves that have a gate, and where."""

    entries: tuple[Stage | Wave, ...]
    settings: Settings

    @classmethod
    def of(cls, catalogue: Catalogue, settings: Settings) -> "GatedStages | None":
        """Return those of a catalogue; None if it has none."""
        entries = tuple(entry for entry in catalogue if has_gate(entry))
        return cls(entries=entries, settings=settings) if entries else None

    def statements(self, stack: cdk.Stack) -> Iterator[iam.PolicyStatement]:
        """Yield what the gates' build may do. `stack`: the pipeline's own."""
        name = self.settings.name
        parameters = [
            stack.format_arn(
                service="ssm",
                resource="parameter",
                resource_name=release_rules.parameter_name(name, entry.label).removeprefix("/"),
            )
            for entry in self.entries
        ]
        yield iam.PolicyStatement(actions=["ssm:GetParameter"], resources=parameters)
        pipeline = stack.format_arn(service="codepipeline", resource=name)
        reading = ["codepipeline:GetPipelineExecution", "codepipeline:GetPipelineState"]
        yield iam.PolicyStatement(actions=reading, resources=[pipeline])
        roles = {
            role for entry in self.entries for role in release_rules.lookup_roles(entry, stack, self.settings.bootstrap)
        }
        if roles:
            yield iam.PolicyStatement(actions=["sts:AssumeRole"], resources=sorted(roles))


def steps(
    label: str, *, assembly: pipelines.FileSet, build: SharedBuild, pipeline: str, asks: bool
) -> list[pipelines.Step]:
    """Return the steps of a stage's, or a wave's, gate, each after the one before. `asks`: a person, too."""
    namespace = gate_of(label)
    digest = f"#{{{namespace}.{DIGEST}}}"
    judged = {
        RULES: release_rules.parameter_name(pipeline, label),
        PIPELINE: pipeline,
        STAGE: label,
        EXECUTION: "#{codepipeline.PipelineExecutionId}",
    }
    made: list[pipelines.Step] = []
    if asks:
        before = {APPROVED: NOT_ASKED_YET}
        made += [
            DigestStep(f"Digest-{label}", assembly=assembly, build=build, variables=before, namespace=namespace),
            pipelines.ManualApprovalStep(f"{APPROVAL}-{label}", comment=f"Assembly {digest}"),
        ]
    approved = {APPROVED: digest if asks else NOT_ASKED_YET}
    made.append(DigestStep(f"Check-{label}", assembly=assembly, build=build, variables={**approved, **judged}))
    for earlier, later in pairwise(made):
        later.add_step_dependency(earlier)
    return made
