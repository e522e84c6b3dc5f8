"""Guardrails: the checks that every template must pass, at the end of each synth."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from constructs import IConstruct

from services.library.contract.acknowledgement import Acknowledgement
from services.library.guardrails import assembly, report
from services.library.guardrails.acknowledgement import acceptance, record
from services.library.guardrails.acknowledgement.acceptance import Accepted, AcknowledgementSource
from services.library.guardrails.checked_stack import CheckedStack
from services.library.guardrails.decisions.decision import Decided, Decision
from services.library.guardrails.deployment.execution_policy import ExecutionPolicies
from services.library.guardrails.finding import AcceptedBy, Finding
from services.library.guardrails.overrides.override_findings import Known, OverrideFindings
from services.library.guardrails.rules import log_policies, lookups
from services.library.guardrails.stack_findings import StackFindings, find, innermost, synthesised


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What guardrails say of an assembly."""

    failed: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]
    decided: tuple[Decided, ...]


class Guardrails:
    """One judge for everything, so that acknowledgements hold for cdk-nag's findings and ours alike."""

    def __init__(
        self,
        checked: Sequence[CheckedStack],
        *,
        accepted: Sequence[Acknowledgement],
        decided: Sequence[Decision] = (),
        execution: ExecutionPolicies | None = None,
        every_stage: bool = True,
    ) -> None:
        """`decided`: what the pipeline decides of its own findings, beside what the library decides.

        `execution`: what CloudFormation may do in each account, for stacks that are judged here and deployed.

        `every_stage`: whether these stacks are all there are, so that an acknowledgement nobody needs is wrong.
        """
        self._checked = {each.path: each for each in checked}
        self._accepted = tuple(accepted)
        self._decisions = tuple(decided)
        self._execution = execution
        self._every_stage = every_stage

    def synthesise(self, app: cdk.App) -> Judgement:
        """Write the App's assembly and judge all stacks in it; the CDK's CLI fails for what the report says."""
        folder = Path(app.synth().directory)
        return self.judge(app, folder)

    def judge(self, app: IConstruct, folder: Path) -> Judgement:
        """Check the stacks of an assembly that is written to a folder, and write down there what is accepted."""
        checked = tuple(self._checked.values())
        found = find(app, folder, synthesised(folder), checked, self._decisions, execution=self._execution)
        return self.conclude(folder, [found], context=app.node.get_all_context() or {})

    def conclude(self, folder: Path, found: Sequence[StackFindings], *, context: Iterable[str]) -> Judgement:
        """Apply the acknowledgements to what was found, and write record and report into the assembly's folder.

        `context`: the keys of the App's context.
        """
        asked = {each.text: each for one in found for each in one.undecided if each.rule == lookups.RULE.id}
        for finding in asked.values():
            # The CDK's CLI shows no report when lookups are open: it tries them, or fails with words of its own.
            sys.stderr.write(f"{finding.rule}: {finding.text} {finding.fix}\n")
        undecided = [each for one in found for each in one.undecided if each.rule != lookups.RULE.id]
        decided = [each for one in found for each in one.decided]
        sources = self._acknowledgement_sources()
        outcome = acceptance.apply(
            [
                *undecided,
                *asked.values(),
                *lookups.check_answered(context),
                *log_policies.check(assembly.deployed(folder)),
            ],
            sources,
            stacks=[path for one in found for path in one.stacks],
            whole=self._every_stage,
        )
        record.write(
            folder,
            outcome.accepted,
            decided,
            stages={
                template: label
                for one in found
                for template, stack in one.templates.items()
                if (label := self._stage_label(stack))
            },
            review=acceptance.for_review(sources),
        )
        overridden = [each for one in found for each in one.overridden]
        failed = [
            *_explained(outcome.remaining, overridden),
            *outcome.problems,
            *(each for one in found for each in one.suppressed),
        ]
        report.write(folder, failed, self._files())
        return Judgement(failed=tuple(failed), accepted=tuple(outcome.accepted), decided=tuple(decided))

    def _stage_label(self, stack: str) -> str:
        owner = self._checked.get(innermost(stack, self._checked))
        return owner.environment.label if owner and owner.environment else ""

    def _files(self) -> dict[str, str]:
        """List by the stacks' paths where their owners accept findings."""
        return {
            path: each.acknowledgements_file if each.environment else acceptance.PLATFORM_FILE
            for path, each in self._checked.items()
        }

    def _acknowledgement_sources(self) -> list[AcknowledgementSource]:
        """List the services, each with its stacks in all stages, then the platform team."""
        services: dict[str, dict[str, CheckedStack]] = defaultdict(dict)
        for path, each in self._checked.items():
            if each.environment:
                services[each.acknowledgements_file][path] = each
        return [
            *(
                AcknowledgementSource(
                    accepted_by=AcceptedBy.SERVICE,
                    file=file,
                    stacks=tuple(stacks),
                    acknowledgements=next(iter(stacks.values())).acknowledgements,
                )
                for file, stacks in services.items()
            ),
            *(
                AcknowledgementSource(
                    accepted_by=AcceptedBy.SERVICE,
                    file=each.acknowledgements_file,
                    stacks=(path,),
                    acknowledgements=each.stage_acknowledgements,
                )
                for path, each in self._checked.items()
                if each.stage_acknowledgements
            ),
            AcknowledgementSource(
                accepted_by=AcceptedBy.PLATFORM,
                file=acceptance.PLATFORM_FILE,
                stacks=("",),
                acknowledgements=self._accepted,
            ),
        ]


def _explained(findings: Sequence[Finding], overridden: Iterable[OverrideFindings]) -> list[Finding]:
    """Add the override's line where one is to blame. It takes some builds: this is for what failed."""
    known: Known = {}
    said = list(findings)
    for each in overridden:
        path = each.overridden.stack.node.path
        below = [finding for finding in said if innermost(finding.path, [path])]
        explained = dict(zip(map(id, below), each.explained(below, known) if below else (), strict=True))
        said = [explained.get(id(finding), finding) for finding in said]
    return said
