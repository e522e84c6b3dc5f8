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
from services.library.guardrails.acknowledgement.acceptance import Accepted, Giver
from services.library.guardrails.finding import Accepter, Finding, Place, TierBaseline, without_hashes
from services.library.guardrails.overrides.cross_stack_changes import Rebuilt
from services.library.guardrails.overrides.override_findings import Caused, Known
from services.library.guardrails.rules import lookups


@dataclass(frozen=True, kw_only=True)
class CheckedStack:
    """A stack with what guardrails must know of it. A stack that is no subject belongs to the platform team."""

    stack: cdk.Stack
    environment: Environment | None
    """None for the pipeline: what it stores must be kept, as in production, and stages/acknowledgements.py accepts."""
    service: str
    owner: str
    handles_personal_data: bool
    acknowledgements: tuple[Acknowledgement, ...]
    """From the service's overrides.py, the same in each stage; paths start below the stack."""
    accepts: tuple[Acknowledgement, ...] = ()
    """From there, too, for this stage alone."""

    def __post_init__(self) -> None:
        if self.environment is None and (self.acknowledgements or self.accepts):
            raise ValueError(f"CheckedStack {self.service!r} has no environment: accept in {acceptance.PLATFORM_FILE}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Synthesised:
    """A synthesized stack: where its template lies, and in which account it will be."""

    path: str
    file: Path
    account: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stack:
    """The same with whose it is."""

    path: str
    file: Path
    place: Place
    subject: CheckedStack | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What guardrails say of an assembly."""

    failed: tuple[Finding, ...]
    accepted: tuple[Accepted, ...]


@jsii.implements(cdk.IPolicyValidationPlugin)
class Guardrails:
    """One plugin for everything, so that acknowledgements hold for cdk-nag's findings and ours alike."""

    def __init__(
        self, subjects: Sequence[CheckedStack], *, accepted: Sequence[Acknowledgement], every_stage: bool = True
    ) -> None:
        """`every_stage`: whether the subjects are all there are, so that an acknowledgement nobody needs is wrong."""
        self._subjects = tuple(subjects)
        self._accepted = tuple(accepted)
        self._every_stage = every_stage
        self._folder = Path()

    @property
    def name(self) -> str:
        """How the report names these checks."""
        return "guardrails"

    @property
    def version(self) -> str | None:
        """Guardrails have none: they are the commit's."""
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        """Not given: the CDK would only send them to AWS."""
        return None

    def check(self, app: cdk.App) -> None:
        """Register with the App, before its synth. Registered anywhere below it, a plugin may never run."""
        self._folder = Path(app.outdir)
        record.forget(self._folder)
        cdk.Validations.of(app).add_plugins(self)

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Called by the CDK once the assembly is written."""
        stacks = [
            Synthesised(path=each.stack_construct_path, file=Path(each.template_path), account=each.account_id)
            for each in context.stack_templates
        ]
        judgement = self.judge(context.app_construct, self._folder, stacks)
        files = {
            path: _overrides_file(subject) if subject.environment else acceptance.PLATFORM_FILE
            for path, subject in self._by_path().items()
        }
        return cdk.PolicyValidationPluginReport(
            success=not judgement.failed,
            violations=[_violation(each, self._folder, files) for each in judgement.failed],
        )

    def judge(self, app: IConstruct, folder: Path, synthesised: Iterable[Synthesised]) -> Judgement:
        """Check the stacks of an assembly that is written to a folder, and write down there what is accepted."""
        subjects = self._by_path()
        stacks = [_stack(each, subjects) for each in synthesised]
        templates = {stack.path: [*assembly.templates(folder, stack.file, stack.path)] for stack in stacks}
        found = [*_nag_findings(app, stacks, templates), *_own_findings(stacks, templates)]
        overridden: list[Caused] = []
        for stage, caused in _rebuilt(self._subjects, {stack.path: stack.place for stack in stacks}, templates):
            overridden += caused
            found += [*stage.reached(), *(finding for each in caused for finding in each.lowered(found))]
        asked = [*lookups.check_missing(assembly.missing_lookups(folder))]
        for finding in asked:
            # The CDK's CLI shows no report when lookups are open: it tries them, or fails with words of its own.
            sys.stderr.write(f"{finding.rule}: {finding.text} {finding.fix}\n")
        found += [*asked, *lookups.check_answered(app.node.get_all_context() or {})]
        givers = self._givers(subjects)
        outcome = acceptance.apply(found, givers, stacks=list(templates), whole=self._every_stage)
        record.write(
            folder,
            outcome.accepted,
            stages={
                template.file: stack.subject.environment.label
                for stack in stacks
                if stack.subject and stack.subject.environment
                for template in templates[stack.path]
            },
            review=acceptance.for_review(givers),
        )
        failed = [*_explained(outcome.remaining, overridden), *outcome.problems, *self._suppressed(folder)]
        return Judgement(failed=tuple(failed), accepted=tuple(outcome.accepted))

    def _by_path(self) -> dict[str, CheckedStack]:
        return {subject.stack.node.path: subject for subject in self._subjects}

    def _givers(self, subjects: dict[str, CheckedStack]) -> list[Giver]:
        """The services, each with its stacks in all stages, then the platform team."""
        services: dict[str, dict[str, CheckedStack]] = defaultdict(dict)
        for path, subject in subjects.items():
            if subject.environment:
                services[_overrides_file(subject)][path] = subject
        return [
            *(
                Giver(
                    accepter=Accepter.SERVICE,
                    file=file,
                    stacks=tuple(stacks),
                    acknowledgements=next(iter(stacks.values())).acknowledgements,
                )
                for file, stacks in services.items()
            ),
            *(
                Giver(
                    accepter=Accepter.SERVICE,
                    file=_overrides_file(subject),
                    stacks=(path,),
                    acknowledgements=subject.accepts,
                )
                for path, subject in subjects.items()
                if subject.accepts
            ),
            Giver(
                accepter=Accepter.PLATFORM,
                file=acceptance.PLATFORM_FILE,
                stacks=("",),
                acknowledgements=self._accepted,
            ),
        ]

    def _suppressed(self, folder: Path) -> Iterator[Finding]:
        """Suppressions by the CDK's own means would hide a finding from the packs and so from us."""
        found = set(assembly.suppressed(folder))
        for scope in {scope.node.path: scope for each in self._subjects for scope in each.stack.node.scopes}.values():
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


def _stack(synthesised: Synthesised, subjects: Mapping[str, CheckedStack]) -> _Stack:
    """A stack inside a subject's stack, a support stack say, is the subject's; one beside it is in the same place."""
    owner = _innermost(synthesised.path, subjects)
    subject = subjects[owner] if owner else None
    beside = {path.rpartition("/")[0]: each.environment for path, each in subjects.items() if "/" in path}
    environment = subject.environment if subject else beside.get(synthesised.path.rpartition("/")[0])
    return _Stack(
        path=synthesised.path,
        file=synthesised.file,
        place=_place(environment, synthesised.account),
        subject=subject,
    )


def _place(environment: Environment | None, account: str | None) -> Place:
    if environment is None:
        return Place(keeps_data=True, account=account)
    tier = defaults.for_environment(environment)
    return Place(
        keeps_data=environment.keeps_data,
        account=account,
        tier=TierBaseline(
            log_retention_days=tier.log_retention_days,
            key_pending_days=int(tier.key_pending_window.to_days()),
            web_firewall=tier.web_firewall,
        ),
    )


def _rebuilt(
    subjects: Iterable[CheckedStack], places: Mapping[str, Place], templates: Mapping[str, Sequence[Template]]
) -> Iterator[tuple[Rebuilt, list[Caused]]]:
    """Each stage in which an override has changed a stack, against the same one without."""
    stages: dict[str, list[StackFactory]] = defaultdict(list)
    for subject in subjects:
        made_by = subject.stack.build_record if isinstance(subject.stack, ServiceStack) else None
        if made_by and subject.stack.node.path in templates:
            stages[subject.stack.node.path.rpartition("/")[0]].append(made_by)
    for path, made in stages.items():
        if any(isinstance(each, OverriddenStack) for each in made):
            within = [f"{path}/"] if path else [f"{each.stack.node.path}/" for each in made]
            after = {known: its for known, its in templates.items() if f"{known}/".startswith(tuple(within))}
            rebuilt = Rebuilt(stacks=made, after=after)
            yield rebuilt, rebuilt.caused(places)


def _explained(findings: Sequence[Finding], overridden: Iterable[Caused]) -> list[Finding]:
    """The findings, with the override's line where one is to blame. It takes some builds, and so only what failed."""
    known: Known = {}
    said = list(findings)
    for each in overridden:
        path = each.overridden.stack.node.path
        own_ones = [finding for finding in said if _innermost(finding.path, [path])]
        explained = dict(zip(map(id, own_ones), each.explained(own_ones, known) if own_ones else (), strict=True))
        said = [explained.get(id(finding), finding) for finding in said]
    return said


def _own_findings(stacks: Sequence[_Stack], templates: Mapping[str, Sequence[Template]]) -> Iterator[Finding]:
    for stack in stacks:
        for template in templates[stack.path]:
            yield from platform_rules.findings(template, stack.place)


def _nag_findings(
    app: IConstruct, stacks: Sequence[_Stack], templates: Mapping[str, Sequence[Template]]
) -> Iterator[Finding]:
    """cdk-nag's findings that concern their stack, each with its place in the template."""
    by_path = {stack.path: stack for stack in stacks}
    places = {
        resource.path: (template, resource)
        for each in templates.values()
        for template in each
        for resource in template.resources()
    }
    for pack, finding in nag.findings(app):
        stack = by_path[_innermost(finding.path, by_path)]
        if pack.only_personal_data and not (stack.subject and stack.subject.handles_personal_data):
            continue
        if finding.path not in places:
            yield replace(finding, template=templates[stack.path][0].file)
            continue
        template, resource = places[finding.path]
        if not not_applicable.is_moot(finding, resource, template):
            yield replace(finding, template=template.file, logical_id=resource.logical_id)


def _innermost(path: str, scopes: Iterable[str]) -> str:
    """The deepest of the scopes that holds the path; empty if none does."""
    return max((scope for scope in scopes if f"{path}/".startswith(f"{scope}/")), key=len, default="")


def _overrides_file(subject: CheckedStack) -> str:
    return f"services/{subject.service.replace('-', '_')}/overrides.py"


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
    """The acknowledgement to write, and where, for a rule that somebody may accept."""
    accepter = platform_rules.accepted_by(finding.rule)
    if finding.rule == acceptance.RULE or accepter is Accepter.NOBODY:
        return ""
    stack = _innermost(finding.path, files)
    if accepter is Accepter.SERVICE and files.get(stack, acceptance.PLATFORM_FILE) != acceptance.PLATFORM_FILE:
        file, path = files[stack], finding.path.removeprefix(f"{stack}/")
    else:
        file, path = acceptance.PLATFORM_FILE, finding.path
    return f" To accept it: Acknowledgement(rule={without_hashes(finding.rule)!r}, path={path!r}, ...) in {file}."
