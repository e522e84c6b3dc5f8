"""Guardrails: the checks that every template must pass, run by the CDK at the end of each synth."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aws_cdk as cdk
import jsii
from constructs import IConstruct

from services.library.environment import Environment
from services.library.guardrails import acceptance, assembly, moot, nag, own, record
from services.library.guardrails.acceptance import Giver
from services.library.guardrails.acknowledgements import Acknowledgement
from services.library.guardrails.finding import Accepter, Finding, Place, without_hashes
from services.library.guardrails.rules import lookups
from services.library.guardrails.template import Template


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A stack with what guardrails must know of it. A stack that is no subject belongs to the platform team."""

    stack: cdk.Stack
    environment: Environment | None
    """None for the pipeline: what it stores must be kept, as in production, and stages/acknowledged.py accepts."""
    service: str
    owner: str
    handles_personal_data: bool
    acknowledgements: tuple[Acknowledgement, ...]
    """From the service's overrides.py, the same in each stage; paths start below the stack."""

    def __post_init__(self) -> None:
        if self.environment is None and self.acknowledgements:
            raise ValueError(f"Subject {self.service!r} has no environment: accept in {acceptance.PLATFORM_FILE}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stack:
    """A synthesized stack: where its template lies, and whose it is."""

    path: str
    file: Path
    place: Place
    subject: Subject | None


@jsii.implements(cdk.IPolicyValidationPlugin)
class Guardrails:
    """One plugin for everything, so that acknowledgements hold for cdk-nag's findings and ours alike."""

    def __init__(self, subjects: Sequence[Subject], *, accepted: Sequence[Acknowledgement]) -> None:
        self._subjects = tuple(subjects)
        self._accepted = tuple(accepted)
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
        app = context.app_construct
        subjects = {subject.stack.node.path: subject for subject in self._subjects}
        stacks = [_stack(each, subjects) for each in context.stack_templates]
        templates = {stack.path: [*assembly.templates(self._folder, stack.file, stack.path)] for stack in stacks}
        found = [*_nag_findings(app, stacks, templates), *_own_findings(stacks, templates)]
        asked = [*lookups.check_missing(assembly.missing_lookups(self._folder))]
        for finding in asked:
            # The CDK's CLI shows no report when lookups are open: it tries them, or fails with words of its own.
            sys.stderr.write(f"{finding.rule}: {finding.text} {finding.fix}\n")
        found += [*asked, *lookups.check_answered(app.node.get_all_context() or {})]
        givers = self._givers(subjects)
        outcome = acceptance.apply(found, givers, stacks=list(templates))
        failed = [*outcome.remaining, *outcome.problems, *self._suppressed()]
        record.write(
            self._folder,
            outcome.accepted,
            stages={
                template.file: stack.subject.environment.label
                for stack in stacks
                if stack.subject and stack.subject.environment
                for template in templates[stack.path]
            },
            review=acceptance.for_review(givers),
        )
        files = {
            path: _overrides_file(subject) if subject.environment else acceptance.PLATFORM_FILE
            for path, subject in subjects.items()
        }
        return cdk.PolicyValidationPluginReport(
            success=not failed,
            violations=[_violation(each, self._folder, files) for each in failed],
        )

    def _givers(self, subjects: dict[str, Subject]) -> list[Giver]:
        """The services, each with its stacks in all stages, then the platform team."""
        services: dict[str, dict[str, Subject]] = defaultdict(dict)
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
            Giver(
                accepter=Accepter.PLATFORM,
                file=acceptance.PLATFORM_FILE,
                stacks=("",),
                acknowledgements=self._accepted,
            ),
        ]

    def _suppressed(self) -> Iterator[Finding]:
        """Suppressions by the CDK's own means would hide a finding from the packs and so from us."""
        found = set(assembly.suppressed(self._folder))
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


def _stack(template: cdk.PolicyValidationStack, subjects: Mapping[str, Subject]) -> _Stack:
    """A stack inside a subject's stack, a support stack say, is the subject's."""
    owner = _innermost(template.stack_construct_path, subjects)
    subject = subjects[owner] if owner else None
    environment = subject.environment if subject else None
    return _Stack(
        path=template.stack_construct_path,
        file=Path(template.template_path),
        place=Place(keeps_data=environment.keeps_data if environment else True, account=template.account_id),
        subject=subject,
    )


def _own_findings(stacks: Sequence[_Stack], templates: Mapping[str, Sequence[Template]]) -> Iterator[Finding]:
    for stack in stacks:
        for template in templates[stack.path]:
            yield from own.findings(template, stack.place)


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
        if not moot.is_moot(finding, resource, template):
            yield replace(finding, template=template.file, logical_id=resource.logical_id)


def _innermost(path: str, scopes: Iterable[str]) -> str:
    """The deepest of the scopes that holds the path; empty if none does."""
    return max((scope for scope in scopes if f"{path}/".startswith(f"{scope}/")), key=len, default="")


def _overrides_file(subject: Subject) -> str:
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
    accepter = own.accepted_by(finding.rule)
    if finding.rule == acceptance.RULE or accepter is Accepter.NOBODY:
        return ""
    stack = _innermost(finding.path, files)
    if accepter is Accepter.SERVICE and files.get(stack, acceptance.PLATFORM_FILE) != acceptance.PLATFORM_FILE:
        file, path = files[stack], finding.path.removeprefix(f"{stack}/")
    else:
        file, path = acceptance.PLATFORM_FILE, finding.path
    return f" To accept it: Acknowledgement(rule={without_hashes(finding.rule)!r}, path={path!r}, ...) in {file}."
