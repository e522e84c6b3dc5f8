"""What the checks find in the stacks of one App, before anybody has accepted anything."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aws_cdk as cdk
from constructs import IConstruct

from services.library.cloudformation.template import Template
from services.library.contract import defaults
from services.library.contract.build_record import OverriddenStack
from services.library.contract.environment import Environment
from services.library.contract.service import ServiceStack
from services.library.guardrails import assembly, nag, not_applicable, platform_rules
from services.library.guardrails.acknowledgement import acceptance
from services.library.guardrails.checked_stack import CheckedStack
from services.library.guardrails.decisions import library
from services.library.guardrails.decisions.decision import Cause, Decided, Decision, decide
from services.library.guardrails.deployment.execution_policy import ExecutionPolicies, ExecutionPolicy
from services.library.guardrails.finding import DeploymentLocation, Finding, TierBaseline
from services.library.guardrails.overrides.override_findings import OverrideFindings
from services.library.guardrails.rules import lookups


@dataclass(frozen=True, kw_only=True, slots=True)
class Synthesised:
    """A synthesized stack: where its template lies, and in which account it will be."""

    path: str
    file: Path
    account: str | None


def synthesised(folder: Path) -> list[Synthesised]:
    """List the stacks of an assembly and of the assemblies in it."""
    accounts = assembly.accounts(folder)
    return [Synthesised(path=path, file=file, account=accounts[path]) for path, file in assembly.stacks(folder)]


@dataclass(frozen=True, kw_only=True, slots=True)
class StackFindings:
    """Plain data, so that a synth may keep it for the next one; `overridden` alone lives as long as its constructs."""

    stacks: tuple[str, ...]
    """Construct paths."""
    templates: Mapping[str, str]
    """Template file below the assembly -> construct path of its stack."""
    undecided: tuple[Finding, ...] = ()
    decided: tuple[Decided, ...] = ()
    suppressed: tuple[Finding, ...] = ()
    """Suppressions by the CDK's own means. Nobody may accept them."""
    overridden: tuple[OverrideFindings, ...] = ()
    """By which an override's line is found, if it is to blame."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stack:
    """A synthesized stack with whose it is."""

    path: str
    file: Path
    place: DeploymentLocation
    checked: CheckedStack | None


def find(
    app: IConstruct,
    folder: Path,
    stacks: Iterable[Synthesised],
    checked: Sequence[CheckedStack],
    decisions: Sequence[Decision] = (),
    *,
    execution: ExecutionPolicies | None,
    folders: Sequence[Path] | None = None,
) -> StackFindings:
    """Run every check over the stacks of an assembly that is written to a folder.

    `checked`: whose they are; `decisions`: what is decided of them beside what the library decides; `execution`: what
    CloudFormation may do in each account, None for stacks that nobody deploys; `folders`: where their manifests are,
    if these are not all of the assembly.
    """
    manifests = [*assembly.folders(folder)] if folders is None else folders
    by_path = {each.path: each for each in checked}
    owned = [_stack(each, by_path, execution) for each in stacks]
    templates = {stack.path: [*assembly.templates(folder, stack.file, stack.path)] for stack in owned}
    found = [*_nag_findings(app, owned, templates), *_platform_findings(owned, templates)]
    overridden = [*_overridden(checked, owned, templates)]
    for each in overridden:
        found += [*each.lowered(found), *each.stacks_beside]
    found += lookups.check_missing(assembly.missing_lookups(manifests))
    decided, undecided = _decide(found, owned, templates, (*library.DECISIONS, *decisions))
    return StackFindings(
        stacks=tuple(templates),
        templates={template.file: path for path, its in templates.items() for template in its},
        undecided=tuple(undecided),
        decided=tuple(decided),
        suppressed=tuple(_suppressed(app, manifests, checked)),
        overridden=tuple(overridden),
    )


def innermost(path: str, scopes: Iterable[str]) -> str:
    """Find the deepest of the scopes that holds the path; empty if none does."""
    return max((scope for scope in scopes if f"{path}/".startswith(f"{scope}/")), key=len, default="")


def _stack(stack: Synthesised, checked: Mapping[str, CheckedStack], execution: ExecutionPolicies | None) -> _Stack:
    """Find whose a stack is: a support stack inside a service's is the service's; one beside it is in its place."""
    owner = innermost(stack.path, checked)
    whose = checked[owner] if owner else None
    beside = {path.rpartition("/")[0]: each.environment for path, each in checked.items() if "/" in path}
    environment = whose.environment if whose else beside.get(stack.path.rpartition("/")[0])
    return _Stack(
        path=stack.path,
        file=stack.file,
        place=_place(environment, stack.account, execution and execution(stack.account)),
        checked=whose,
    )


def _place(
    environment: Environment | None, account: str | None, execution: ExecutionPolicy | None
) -> DeploymentLocation:
    if environment is None:
        return DeploymentLocation(keeps_data=True, account=account, execution=execution)
    tier = defaults.for_environment(environment)
    return DeploymentLocation(
        keeps_data=environment.keeps_data,
        account=account,
        tier=TierBaseline(
            log_retention_days=tier.log_retention_days,
            key_pending_days=int(tier.key_pending_window.to_days()),
            web_firewall=tier.web_firewall,
        ),
        execution=execution,
    )


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
        stack = by_path[innermost(finding.path, by_path)]
        if pack.only_personal_data and not (stack.checked and stack.checked.handles_personal_data):
            continue
        if finding.path not in places:
            yield replace(finding, template=templates[stack.path][0].file)
            continue
        template, resource = places[finding.path]
        if not not_applicable.is_not_applicable(finding, resource, template):
            yield replace(finding, template=template.file, logical_id=resource.logical_id)


def _overridden(
    checked: Iterable[CheckedStack], stacks: Iterable[_Stack], templates: Mapping[str, Sequence[Template]]
) -> Iterator[OverrideFindings]:
    """Make each stack that an override has changed once more, without its override."""
    places = {each.path: each.place for each in stacks}
    made = [each.stack.build_record for each in checked if isinstance(each.stack, ServiceStack)]
    for record in made:
        if isinstance(record, OverriddenStack) and (path := record.stack.node.path) in templates:
            stage = path.rpartition("/")[0]
            after = {each: its for each, its in templates.items() if not stage or each.startswith(f"{stage}/")}
            yield OverrideFindings.compare(record, places[path], after)


def _decide(
    found: Iterable[Finding],
    stacks: Iterable[_Stack],
    templates: Mapping[str, Sequence[Template]],
    decisions: Sequence[Decision],
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
            decision = decide(Cause(finding=finding, resource=resource, template=template, place=place), decisions)
        if decision is None:
            undecided.append(finding)
        else:
            decided.append(
                Decided(finding=finding, construct=decision.construct, reason=decision.reason, by=decision.by)
            )
    return decided, undecided


def _suppressed(app: IConstruct, folders: Iterable[Path], checked: Iterable[CheckedStack]) -> Iterator[Finding]:
    """Find suppressions by the CDK's own means, which would hide a finding from the packs and so from us."""
    found = set(assembly.suppressed(folders))
    built = [each.stack for each in checked if isinstance(each.stack, cdk.Stack)]
    scopes = [app, *(scope for each in built for scope in each.node.scopes)]
    for scope in {scope.node.path: scope for scope in scopes}.values():
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
