"""Guardrails: the checks that every template must pass, run by the CDK at the end of each synth."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aws_cdk as cdk
import jsii
from constructs import IConstruct

from services.library.cloudformation.template import Template
from services.library.contract import defaults
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.build_record import OverriddenStack, StackFactory
from services.library.contract.environment import Environment
from services.library.contract.service import ServiceStack
from services.library.guardrails import assembly, nag, not_applicable, platform_rules
from services.library.guardrails.acknowledgement import acceptance, record
from services.library.guardrails.acknowledgement.acceptance import Accepted, AcknowledgementSource
from services.library.guardrails.decisions import library
from services.library.guardrails.decisions.decision import Cause, Decided, Decision, decide
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, TierBaseline, without_hashes
from services.library.guardrails.overrides.cross_stack_changes import RebuiltStage
from services.library.guardrails.overrides.override_findings import Known, OverrideFindings
from services.library.guardrails.rules import lookups


@dataclass(frozen=True, kw_only=True)
class CheckedStack:
    """A stack with what guardrails must know of it. A stack that is not listed belongs to the platform team."""

    stack: cdk.Stack
    environment: Environment | None
    """None for the pipeline: what it stores must be kept, as in production, and stages/acknowledgements.py accepts."""
    service: str
    owner: str
    handles_personal_data: bool
    acknowledgements: tuple[Acknowledgement, ...]
    """From the service's acknowledgements.py, the same in each stage; paths start below the stack."""
    stage_acknowledgements: tuple[Acknowledgement, ...] = ()
    """From there, too, for this stage alone."""

    def __post_init__(self) -> None:
        if self.environment is None and (self.acknowledgements or self.stage_acknowledgements):
            raise ValueError(f"CheckedStack {self.service!r} has no environment: accept in {acceptance.PLATFORM_FILE}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Synthesised:
    """A synthesized stack: where its template lies, and in which account it will be."""

    path: str
    file: Path
    account: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stack:
    """A synthesized stack with whose it is."""

    path: str
    file: Path
    place: DeploymentLocation
    checked: CheckedStack | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What guardrails say of an assembly."""

    failed: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]
    decided: tuple[Decided, ...]


@jsii.implements(cdk.IPolicyValidationPlugin)
class Guardrails:
    """One plugin for everything, so that acknowledgements hold for cdk-nag's findings and ours alike."""

    def __init__(
        self,
        checked: Sequence[CheckedStack],
        *,
        accepted: Sequence[Acknowledgement],
        decided: Sequence[Decision] = (),
        every_stage: bool = True,
    ) -> None:
        """`decided`: what the pipeline decides of its own findings, beside what the library decides.

        `every_stage`: whether these stacks are all there are, so that an acknowledgement nobody needs is wrong.
        """
        self._checked = tuple(checked)
        self._accepted = tuple(accepted)
        self._decisions = (*library.DECISIONS, *decided)
        self._every_stage = every_stage
        self._folder = Path()

    @property
    def name(self) -> str:
        """Name these checks for the report."""
        return "guardrails"

    @property
    def version(self) -> str | None:
        """Give none: guardrails are the commit's."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """Give none: the CDK would only send them to AWS."""
        return None

    def check(self, app: cdk.App) -> None:
        """Register with the App, before its synth. Registered anywhere below it, a plugin may never run."""
        self._folder = Path(app.outdir)
        record.forget(self._folder)
        cdk.Validations.of(app).add_plugins(self)

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Judge the assembly; the CDK calls this once it is written."""
        stacks = [
            Synthesised(path=each.stack_construct_path, file=Path(each.template_path), account=each.account_id)
            for each in context.stack_templates
        ]
        judgement = self.judge(context.app_construct, self._folder, stacks)
        files = {
            path: _acknowledgements_file(checked) if checked.environment else acceptance.PLATFORM_FILE
            for path, checked in self._by_path().items()
        }
        return cdk.PolicyValidationPluginReport(
            success=not judgement.failed,
            violations=[_violation(each, self._folder, files) for each in judgement.failed],
        )

    def judge(self, app: IConstruct, folder: Path, synthesised: Iterable[Synthesised]) -> Judgement:
        """Check the stacks of an assembly that is written to a folder, and write down there what is accepted."""
        checked = self._by_path()
        stacks = [_stack(each, checked) for each in synthesised]
        templates = {stack.path: [*assembly.templates(folder, stack.file, stack.path)] for stack in stacks}
        found = [*_nag_findings(app, stacks, templates), *_platform_findings(stacks, templates)]
        overridden: list[OverrideFindings] = []
        for stage, findings in _rebuilt(self._checked, {stack.path: stack.place for stack in stacks}, templates):
            overridden += findings
            found += [*stage.cross_stack_changes(), *(finding for each in findings for finding in each.lowered(found))]
        asked = [*lookups.check_missing(assembly.missing_lookups(folder))]
        for finding in asked:
            # The CDK's CLI shows no report when lookups are open: it tries them, or fails with words of its own.
            sys.stderr.write(f"{finding.rule}: {finding.text} {finding.fix}\n")
        found += [*asked, *lookups.check_answered(app.node.get_all_context() or {})]
        decided, undecided = self._decide(found, stacks, templates)
        sources = self._acknowledgement_sources(checked)
        outcome = acceptance.apply(undecided, sources, stacks=list(templates), whole=self._every_stage)
        record.write(
            folder,
            outcome.accepted,
            decided,
            stages={
                template.file: stack.checked.environment.label
                for stack in stacks
                if stack.checked and stack.checked.environment
                for template in templates[stack.path]
            },
            review=acceptance.for_review(sources),
        )
        failed = [*_explained(outcome.remaining, overridden), *outcome.problems, *self._suppressed(folder)]
        return Judgement(failed=tuple(failed), accepted=tuple(outcome.accepted), decided=tuple(decided))

    def _by_path(self) -> dict[str, CheckedStack]:
        return {each.stack.node.path: each for each in self._checked}

    def _decide(
        self, found: Iterable[Finding], stacks: Iterable[_Stack], templates: Mapping[str, Sequence[Template]]
    ) -> tuple[list[Decided], list[Finding]]:
        """Sort the findings into those that the library or the pipeline has decided, and all others."""
        places = {each.path: each.place for each in stacks}
        resources = {
            (template.file, resource.logical_id): (resource, template, places[path])
            for path, its in templates.items()
            for template in its
            for resource in template.resources()
        }
        decided: list[Decided] = []
        undecided: list[Finding] = []
        for finding in found:
            decision = None
            if caused_by := resources.get((finding.template, finding.logical_id)):
                resource, template, place = caused_by
                cause = Cause(finding=finding, resource=resource, template=template, place=place)
                decision = decide(cause, self._decisions)
            if decision is None:
                undecided.append(finding)
            else:
                decided.append(Decided(finding=finding, decision=decision))
        return decided, undecided

    def _acknowledgement_sources(self, checked: dict[str, CheckedStack]) -> list[AcknowledgementSource]:
        """List the services, each with its stacks in all stages, then the platform team."""
        services: dict[str, dict[str, CheckedStack]] = defaultdict(dict)
        for path, each in checked.items():
            if each.environment:
                services[_acknowledgements_file(each)][path] = each
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
                    file=_acknowledgements_file(each),
                    stacks=(path,),
                    acknowledgements=each.stage_acknowledgements,
                )
                for path, each in checked.items()
                if each.stage_acknowledgements
            ),
            AcknowledgementSource(
                accepted_by=AcceptedBy.PLATFORM,
                file=acceptance.PLATFORM_FILE,
                stacks=("",),
                acknowledgements=self._accepted,
            ),
        ]

    def _suppressed(self, folder: Path) -> Iterator[Finding]:
        """Find suppressions by the CDK's own means, which would hide a finding from the packs and so from us."""
        found = set(assembly.suppressed(folder))
        for scope in {scope.node.path: scope for each in self._checked for scope in each.stack.node.scopes}.values():
            for entry in scope.node.metadata:
                if entry.type == assembly.SUPPRESSIONS:
                    found |= {(scope.node.path, rule) for rule in entry.data}
        for path, rule in sorted(found):
            if nag.is_nag_rule(rule):
                yield Finding(
                    rule=acceptance.RULE,
                    path=path,
                    text=f"{rule} is suppressed by the CDK's own means, without an owner and an end.",
                    fix="Give an Acknowledgement instead: docs/guardrails.md.",
                )


def _stack(synthesised: Synthesised, checked: Mapping[str, CheckedStack]) -> _Stack:
    """Find whose a stack is: a support stack inside a service's is the service's; one beside it is in its place."""
    innermost = _innermost(synthesised.path, checked)
    whose = checked[innermost] if innermost else None
    beside = {path.rpartition("/")[0]: each.environment for path, each in checked.items() if "/" in path}
    environment = whose.environment if whose else beside.get(synthesised.path.rpartition("/")[0])
    return _Stack(
        path=synthesised.path,
        file=synthesised.file,
        place=_place(environment, synthesised.account),
        checked=whose,
    )


def _place(environment: Environment | None, account: str | None) -> DeploymentLocation:
    if environment is None:
        return DeploymentLocation(keeps_data=True, account=account)
    tier = defaults.for_environment(environment)
    return DeploymentLocation(
        keeps_data=environment.keeps_data,
        account=account,
        tier=TierBaseline(
            log_retention_days=tier.log_retention_days,
            key_pending_days=int(tier.key_pending_window.to_days()),
            web_firewall=tier.web_firewall,
        ),
    )


def _rebuilt(
    checked: Iterable[CheckedStack],
    places: Mapping[str, DeploymentLocation],
    templates: Mapping[str, Sequence[Template]],
) -> Iterator[tuple[RebuiltStage, list[OverrideFindings]]]:
    """Make each stage again in which an override has changed a stack, without any override."""
    stages: dict[str, list[StackFactory]] = defaultdict(list)
    for each in checked:
        made_by = each.stack.build_record if isinstance(each.stack, ServiceStack) else None
        if made_by and each.stack.node.path in templates:
            stages[each.stack.node.path.rpartition("/")[0]].append(made_by)
    for path, made in stages.items():
        if any(isinstance(factory, OverriddenStack) for factory in made):
            within = [f"{path}/"] if path else [f"{factory.stack.node.path}/" for factory in made]
            after = {known: its for known, its in templates.items() if f"{known}/".startswith(tuple(within))}
            rebuilt = RebuiltStage(stacks=made, after=after)
            yield rebuilt, rebuilt.override_findings(places)


def _explained(findings: Sequence[Finding], overridden: Iterable[OverrideFindings]) -> list[Finding]:
    """Add the override's line where one is to blame. It takes some builds: this is for what failed."""
    known: Known = {}
    said = list(findings)
    for each in overridden:
        path = each.overridden.stack.node.path
        below = [finding for finding in said if _innermost(finding.path, [path])]
        explained = dict(zip(map(id, below), each.explained(below, known) if below else (), strict=True))
        said = [explained.get(id(finding), finding) for finding in said]
    return said


def _platform_findings(stacks: Sequence[_Stack], templates: Mapping[str, Sequence[Template]]) -> Iterator[Finding]:
    for stack in stacks:
        for template in templates[stack.path]:
            yield from platform_rules.findings(template, stack.place)


def _nag_findings(
    app: IConstruct, stacks: Sequence[_Stack], templates: Mapping[str, Sequence[Template]]
) -> Iterator[Finding]:
    """List cdk-nag's findings that concern their stack, each with its place in the template."""
    by_path = {stack.path: stack for stack in stacks}
    places = {
        resource.path: (template, resource)
        for each in templates.values()
        for template in each
        for resource in template.resources()
    }
    for pack, finding in nag.findings(app):
        stack = by_path[_innermost(finding.path, by_path)]
        if pack.only_personal_data and not (stack.checked and stack.checked.handles_personal_data):
            continue
        if finding.path not in places:
            yield replace(finding, template=templates[stack.path][0].file)
            continue
        template, resource = places[finding.path]
        if not not_applicable.is_not_applicable(finding, resource, template):
            yield replace(finding, template=template.file, logical_id=resource.logical_id)


def _innermost(path: str, scopes: Iterable[str]) -> str:
    """Find the deepest of the scopes that holds the path; empty if none does."""
    return max((scope for scope in scopes if f"{path}/".startswith(f"{scope}/")), key=len, default="")


def _acknowledgements_file(checked: CheckedStack) -> str:
    return f"services/{checked.service.replace('-', '_')}/acknowledgements.py"


def _violation(finding: Finding, folder: Path, files: dict[str, str]) -> cdk.PolicyViolation:
    return cdk.PolicyViolation(
        rule_name=finding.rule,
        # "fatal" is the one severity that the CDK's own acknowledgements cannot suppress.
        severity="fatal",
        description=f"{finding.rule}: {finding.text}",
        fix=f"{finding.fix}{_how_to_accept(finding, files)}",
        rule_metadata={"level": finding.level},
        violating_resources=[
            cdk.PolicyViolatingResource(
                construct_path=finding.path,
                template_path=str(folder / finding.template) if finding.template else None,
                resource_logical_id=finding.logical_id or None,
                locations=list(finding.locations),
            )
        ],
    )


def _how_to_accept(finding: Finding, files: dict[str, str]) -> str:
    """Say which acknowledgement to write, and where, for a rule that somebody may accept."""
    who = platform_rules.accepted_by(finding.rule)
    if finding.rule == acceptance.RULE or who is AcceptedBy.NOBODY:
        return ""
    stack = _innermost(finding.path, files)
    if who is AcceptedBy.SERVICE and files.get(stack, acceptance.PLATFORM_FILE) != acceptance.PLATFORM_FILE:
        file, path = files[stack], finding.path.removeprefix(f"{stack}/")
    else:
        file, path = acceptance.PLATFORM_FILE, finding.path
    return f" To accept it: Acknowledgement(rule={without_hashes(finding.rule)!r}, path={path!r}, ...) in {file}."
