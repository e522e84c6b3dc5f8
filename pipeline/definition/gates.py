"""The stage in front of one that a person, a clock or an alarm agrees to.

What is known of the run, the person, whether all is still as it was; then whether the stage may be released to now.
The evidence, which the commit's own code collects, stands in the approval with the digest of it and of the cloud
assembly. The last action computes the digest again and refuses another one, and judges windows, freezes and alarms.
That is in front of the stage and not in it: a refusal there would roll the stage back.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines

from pipeline.catalogue.model import Catalogue, Stage, Wave
from pipeline.catalogue.release import bakes, has_gate
from pipeline.definition import gate_evidence, programs, release_rules, unchanged_approval
from pipeline.definition.build_step import BuildStep
from pipeline.definition.gate_evidence import EVIDENCE, LINK, SUMMARY
from pipeline.definition.shared_build import BuildContent, SharedBuild
from pipeline.pipeline_settings import Settings
from services.library.contract.names import gate_of, release_parameter

APPROVAL = "Approve"
"""Begins the name of the action in which a person agrees to a stage or wave."""
DIGEST, APPROVED = "DIGEST", "APPROVED"
"""Variables: what a build finds, and what it must find. Without the latter it fails."""
NOT_ASKED_YET = "not-asked-yet"
LONGEST_MINUTES = 2_160
"""As long as a build may last: the gate waits while a run bakes in its stage."""
COMMANDS = (
    # No file of the commit is run: what judges an assembly and its evidence is no part of either.
    f'FOLDER=$(test -z "${{{EVIDENCE}:-}}" || printenv "CODEBUILD_SRC_DIR_${EVIDENCE}")',
    "FILES='find . -type f -print0 | sort -z | xargs -0 sha256sum'",
    f'{DIGEST}=$( (eval "$FILES"; test -z "$FOLDER" || (cd "$FOLDER" && eval "$FILES")) | sha256sum | cut -d " " -f 1)',
    f'echo "Assembly and evidence are ${DIGEST}. What was approved is ${{{APPROVED}:-unknown}}."',
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
    "pipeline.builds.release_rules",
    "services.library.contract.release_times",
)
JUDGING = (
    *programs.write(JUDGED_WITH),
    f'test -z "${{{RULES}:-}}" || '
    + programs.run(JUDGE, f'--rules "${RULES}" --pipeline "${PIPELINE}" --stage "${STAGE}" --execution "${EXECUTION}"'),
)
AUTHORS = "authors.json"
"""The file that says as whom authors sign in, if they may not approve what they wrote."""
SECOND_PERSON = "pipeline.builds.second_person"
COMPARING = f"test ${APPROVED} = {NOT_ASKED_YET} || " + programs.run(
    SECOND_PERSON, f'{AUTHORS} "${PIPELINE}" "${EXECUTION}" "{APPROVAL}-${STAGE}"'
)


CONTENT = BuildContent(
    description="Computes the digest of what would be deployed and is known of it, and judges whether it may be now",
    spec={
        "version": "0.2",
        "env": {"exported-variables": [DIGEST]},
        "phases": {"build": {"commands": [*COMMANDS, *JUDGING]}},
    },
    minutes=LONGEST_MINUTES,
)
"""Of the build of all gates, where anybody may approve."""


def content(authors: Mapping[str, str]) -> BuildContent:
    """Return what the build of all gates does. `authors`: who may not approve what they wrote; none: anybody may."""
    if not authors:
        return CONTENT
    known = programs.write_text(AUTHORS, f"{json.dumps(dict(authors), sort_keys=True)}\n")
    commands = [*COMMANDS, *programs.write([SECOND_PERSON]), known, COMPARING, *JUDGING]
    return replace(CONTENT, spec={**CONTENT.spec, "phases": {"build": {"commands": commands}}})


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
            stack.format_arn(service="ssm", resource="parameter", resource_name=each.removeprefix("/"))
            for entry in self.entries
            for each in release_rules.parameters(entry, stack, pipeline=name, bootstrap=self.settings.bootstrap)
        ]
        yield iam.PolicyStatement(actions=["ssm:GetParameter"], resources=parameters)
        pipeline = stack.format_arn(service="codepipeline", resource=name)
        reading = ["codepipeline:GetPipelineExecution", "codepipeline:GetPipelineState"]
        reading += ["codepipeline:ListActionExecutions"] if self.settings.authors else []
        yield iam.PolicyStatement(actions=reading, resources=[pipeline])
        roles = {
            role for entry in self.entries for role in release_rules.lookup_roles(entry, stack, self.settings.bootstrap)
        }
        if roles:
            yield iam.PolicyStatement(actions=["sts:AssumeRole"], resources=sorted(roles))


@dataclass(frozen=True, kw_only=True)
class ApprovalBuilds:
    """What a person's agreement to a stage or wave takes."""

    source: pipelines.IFileSetProducer
    evidence: SharedBuild
    unchanged: SharedBuild | None
    """What approves a run by rule that would change nothing; None where a person is always asked."""


def approval_of(label: str) -> str:
    """Return the name of the action in which a person agrees to a stage or wave."""
    return f"{APPROVAL}-{label}"


def steps(
    label: str,
    *,
    assembly: pipelines.FileSet,
    build: SharedBuild,
    pipeline: str,
    approval: ApprovalBuilds | None,
) -> list[pipelines.Step]:
    """Return the steps of a stage's, or a wave's, gate, each after the one before.

    `approval`: None if nobody is asked.
    """
    namespace = gate_of(label)
    digest = f"#{{{namespace}.{DIGEST}}}"
    judged = {
        RULES: release_parameter(pipeline, label),
        PIPELINE: pipeline,
        STAGE: label,
        EXECUTION: "#{codepipeline.PipelineExecutionId}",
    }
    build_step = partial(BuildStep, files=assembly, build=build, commands=(*COMMANDS, *JUDGING))
    if approval is None:
        return [build_step(f"Check-{label}", variables={APPROVED: NOT_ASKED_YET, **judged})]
    evidence = gate_evidence.artifact(label)
    build_step = partial(build_step, more=evidence)
    named = {EVIDENCE: str(evidence.artifact_name)}
    made: list[pipelines.Step] = [
        gate_evidence.step(label, evidence, source=approval.source, build=approval.evidence),
        build_step(f"Digest-{label}", variables={APPROVED: NOT_ASKED_YET, **named}, namespace=namespace),
        pipelines.ManualApprovalStep(
            approval_of(label),
            comment=f"#{{{gate_evidence.namespace(label)}.{SUMMARY}}} Digest: {digest}",
            # CodePipeline takes an address alone, and knows the rest of it only in the run.
            review_url=f"https://#{{{gate_evidence.namespace(label)}.{LINK}}}",
        ),
        build_step(f"Check-{label}", variables={APPROVED: digest, **named, **judged}),
    ]
    for earlier, later in pairwise(made):
        later.add_step_dependency(earlier)
    if approval.unchanged is not None:
        by_rule = unchanged_approval.step(label, assembly=assembly, build=approval.unchanged)
        by_rule.add_step_dependency(made[1])
        made.append(by_rule)
    return made
