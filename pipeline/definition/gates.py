"""The stage in front of one that a person, a clock or an alarm agrees to.

What would be deployed, the person, whether it is still that; then whether the stage may be released to now. The digest
of the cloud assembly stands in the approval. The last action computes it again and refuses another one, and judges
windows, freezes and alarms. That is in front of the stage and not in it: a refusal there would roll the stage back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.catalogue.model import Catalogue, Stage, Wave
from pipeline.catalogue.release import bakes, has_gate
from pipeline.definition import programs, release_rules
from pipeline.definition.build_step import BuildStep
from pipeline.definition.shared_build import BuildContent, SharedBuild
from pipeline.pipeline_settings import Settings
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


@dataclass(frozen=True, kw_only=True)
class GatedStages:
    """The stages and waves that have a gate, and where."""

    entries: tuple[Stage | Wave, ...]
    settings: Settings

    @property
    def bake(self) -> bool:
        """Return whether one of them bakes."""
        return any(bakes(entry) for entry in self.entries)

    @classmethod
    def of(cls, catalogue: Catalogue, settings: Settings) -> "GatedStages | None":
        """Return those of a catalogue; None if it has none."""
        entries = tuple(entry for entry in catalogue if has_gate(entry))
        return cls(entries=entries, settings=settings) if entries else None

    def statements(self, stack: cdk.Stack) -> Iterator[iam.PolicyStatement]:
        """Yield what the builds of gates and bakes may do. `stack`: the pipeline's own."""
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
    build_step = partial(BuildStep, assembly=assembly, build=build, commands=(*COMMANDS, *JUDGING))
    made: list[pipelines.Step] = []
    if asks:
        made += [
            build_step(f"Digest-{label}", variables={APPROVED: NOT_ASKED_YET}, namespace=namespace),
            pipelines.ManualApprovalStep(f"{APPROVAL}-{label}", comment=f"Assembly {digest}"),
        ]
    approved = {APPROVED: digest if asks else NOT_ASKED_YET}
    made.append(build_step(f"Check-{label}", variables={**approved, **judged}))
    for earlier, later in pairwise(made):
        later.add_step_dependency(earlier)
    return made
