"""What `penstock adopt` would do to the repository: a service out of a stack that is deployed already."""

import re
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import cast

from pipeline.catalogue import ledger
from pipeline.catalogue.model import Catalogue, Stage, stages_of
from pipeline.cli import loading, plans
from pipeline.cli.adoption_outcome import Outcome, outcome_of, refuse_losses, role_names_of
from pipeline.cli.plans import Plan
from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.foreign_stack import ForeignStack
from pipeline.operate.next_step import penstock
from pipeline.review.model import ResourceOutcome
from pipeline.scaffold import adopted_service, owners
from pipeline.scaffold.adopted_service import AcceptedFinding, DeployedStack
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.names import LONGEST_SERVICE, ServiceName
from pipeline.scaffold.stage_file import StageFile
from pipeline.scaffold.written_template import WrittenTemplate
from services.library.constructs.adopted_stack import AdoptedService
from services.library.guardrails.finding import AcceptedBy, Finding
from services.library.guardrails.platform_rules import accepted_by

WORD = re.compile(r"[A-Z]+[0-9]*(?![a-z])|[A-Z]?[a-z][a-z0-9]*|[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be adopted, and as what."""

    deployed: ForeignStack
    stage: Stage
    name: str | None
    owner: str | None
    personal_data: bool
    accept_until: date | None


def place_of(root: Path, stage: str | None) -> Stage:
    """Return a stage of the catalogue; the first unless one is named."""
    stages = {each.name: each for each in stages_of(loading.whole(root))}
    if not stages:
        raise ScaffoldError("stages/catalogue.py lists no stage: `penstock new stage` adds one.")
    if stage is None:
        return next(iter(stages.values()))
    if stage not in stages:
        listed = ", ".join(stages)
        raise OperateError(f"stages/catalogue.py has no stage {stage!r}; it has {listed}.{suggested(stage, stages)}")
    return stages[stage]


def adopt(root: Path, request: Request) -> Plan:
    """Make a service of the stack, or list the service that has it in another stage as well."""
    catalogue, stage = loading.whole(root), request.stage
    service = ServiceName(name=request.name or name_of(request.deployed.name, stage.name))
    template = WrittenTemplate(request.deployed.source, request.deployed.text)
    template.check(request.deployed.name)
    stack = DeployedStack(
        name=request.deployed.name,
        template=template,
        parameters=template.parameters(request.deployed.parameters),
        protected=request.deployed.protected,
    )
    draft = Draft(root=root)
    plan = Plan(draft=draft)
    kind = _known(catalogue, service)
    owner = kind.owner if kind else request.owner or _owner(draft, service)
    listed = next((each for each in stage.services if each.name == service.name), None)
    if listed is not None and listed.stack_name(stage.environment) != stack.name:
        deployed = listed.stack_name(stage.environment)
        raise ScaffoldError(f"{stage.name} lists {service.name} as the stack {deployed}: choose another --name.")
    if kind is None:
        adopted_service.add(draft, service, stack, owner=owner, personal_data=request.personal_data)
    with tempfile.TemporaryDirectory() as folder:
        made = kind or _kind(Path(folder), service, stack, owner=owner, personal_data=request.personal_data)
        own = WrittenTemplate(made.template.name, made.template.read_text(encoding="utf-8"))
        values = own.differing(stack.parameters, of=template)
        value = made(deployed_stack=stack.name, parameters=values)
        outcome = outcome_of(root, replace(stage, services=(value,)), value, stack)
    refuse_losses(outcome.review, stack)
    if listed is None:
        names = role_names_of(outcome.resolved, request.deployed, value.role_names(stage.environment))
        value = replace(value, deployed_role_names=names)
        adopted_service.record(draft, service, stack, stage=stage.name)
        StageFile(draft, stage.name).add(adopted_service.entry(service, made.__name__, stack, values, names))
        shipped = [*ledger.read(), ledger.shipped_by(stage.environment, service.name, stack=stack.name)]
        plans.refuse_new_problems(catalogue, plans.with_service(catalogue, stage, value), shipped=tuple(shipped))
        plans.record(draft, shipped)
        owners.generate(draft)
    _say(plan, request, service, outcome, template_is_its=kind is None)
    _answer(plan, request, service, outcome, owner=owner)
    _next(plan, request, service, value)
    return plan


def name_of(stack: str, stage: str) -> str:
    """Return a service's name for a stack's: in lower case, without the stage's."""
    words = [each.lower() for each in WORD.findall(stack)]
    ours = stage.split("-")
    if words[-len(ours) :] == ours and len(words) > len(ours):
        words = words[: -len(ours)]
    elif words[: len(ours)] == ours and len(words) > len(ours):
        words = words[len(ours) :]
    return "-".join(words)[:LONGEST_SERVICE].rstrip("-")


def _known(catalogue: Catalogue, service: ServiceName) -> type[AdoptedService] | None:
    """Return the class of a service that was adopted in another stage, or in this one."""
    for stage in stages_of(catalogue):
        for each in stage.services:
            if each.name == service.name:
                if isinstance(each, AdoptedService):
                    return type(each)
                raise ScaffoldError(
                    f"{stage.name} lists {service.name}, which is no adopted service: choose another --name."
                )
    return None


def _owner(draft: Draft, service: ServiceName) -> str:
    return f"{owners.platform_owner(draft).partition('/')[0]}/{service.name}"


def _kind(
    folder: Path, service: ServiceName, stack: DeployedStack, *, owner: str, personal_data: bool
) -> type[AdoptedService]:
    """Return the class that is written, before it is."""
    file = folder / stack.template.file_name
    file.write_text(stack.template.adopted_text, encoding="utf-8")
    said = {"name": service.name, "owner": owner, "handles_personal_data": personal_data, "template": file}
    return cast("type[AdoptedService]", type(service.class_name, (AdoptedService,), said))


def _say(plan: Plan, request: Request, service: ServiceName, outcome: Outcome, *, template_is_its: bool) -> None:
    """Say what happens to what is deployed."""
    changes = [each for each in outcome.review.changes if each.outcome is ResourceOutcome.UPDATE]
    environment = request.stage.environment
    where = f"{request.deployed.name} in {environment.account} {environment.region}"
    plan.said.append(f"The stack {where} becomes {service.folder} in {request.stage.name}.")
    count = f"{len(changes)} changed in place" if changes else "nothing changed"
    plan.said.append(f"Of its {len(outcome.resolved.resources)} resources 0 are deleted, replaced or renamed, {count}:")
    for each in changes:
        what = each.noise or f"{', '.join(one.path for one in each.properties)}: not the platform's"
        plan.said.append(f"  {each.logical_id}  {each.type}  {what}")
    if request.stage.environment.keeps_data and not request.deployed.protected:
        plan.said.append("  the stack  the platform's termination protection")
    if not template_is_its:
        plan.said.append(f"Its template is the one of {service.folder}, and what differs from it is listed above.")


def _answer(plan: Plan, request: Request, service: ServiceName, outcome: Outcome, *, owner: str) -> None:
    """Accept what guardrails found, if a person says until when; else say all of it."""
    found = list(outcome.findings)
    nobody = [each for each in found if accepted_by(each.rule) is AcceptedBy.NOBODY]
    others = [each for each in found if each not in nobody]
    if request.accept_until is not None and others:
        platform = owners.platform_owner(plan.draft)
        for of_platform in (False, True):
            theirs = [each for each in others if _is_platforms(each, outcome) is of_platform]
            file = adopted_service.acknowledgements_file(service, of_platform=of_platform)
            who = platform if of_platform else owner
            accepted = [
                _accepted(each, request, outcome, until=request.accept_until, owner=who, of_platform=of_platform)
                for each in theirs
            ]
            adopted_service.accept(plan.draft, file, accepted)
            if accepted:
                plan.said.append(f"{file} accepts {len(accepted)} findings until {request.accept_until}, as {who}:")
                plan.said += [f"  {each.rule}  {_below(each.path, outcome)}" for each in theirs]
        others = []
    if others:
        plan.said.append(f"Guardrails find {len(others)} in it that nobody has accepted:")
        for each in others:
            plan.said.append(f"  {each.rule}  {_below(each.path, outcome)}{_whose(each, outcome)}")
            plan.said.append(f"    {each.text.partition('. ')[0].removeprefix(f'{each.base_rule}: ').rstrip('.')}.")
        plan.said.append(
            "Mend them, or read each and give --accept-until YYYY-MM-DD: their owners are asked again that day."
        )
    if nobody:
        plan.said.append("Nobody can accept these, so that they come before the first push:")
        plan.said += [f"  {each.rule}  {_below(each.path, outcome)}  {each.text} {each.fix}" for each in nobody]
    plan.left = len(others) + len(nobody)


def _is_platforms(finding: Finding, outcome: Outcome) -> bool:
    """Say whether the platform team must accept it: by its rule, or because it is about the stack as a whole."""
    return accepted_by(finding.rule) is AcceptedBy.PLATFORM or finding.path == outcome.stack_path


def _accepted(
    finding: Finding, request: Request, outcome: Outcome, *, until: date, owner: str, of_platform: bool
) -> AcceptedFinding:
    what = finding.path.rpartition("/")[2]
    stack, stage = request.deployed.name, request.stage.name
    where = f"in {stage}, by the stack {stack}," if of_platform else f"by the stack {stack}"
    return AcceptedFinding(
        rule=finding.rule,
        path=finding.path if of_platform else _below(finding.path, outcome),
        reason=f"{what} was made {where} before the platform asked for this; until the end it is mended or judged anew",
        owner=owner,
        expires=until,
    )


def _below(path: str, outcome: Outcome) -> str:
    return path.removeprefix(f"{outcome.stack_path}/")


def _whose(finding: Finding, outcome: Outcome) -> str:
    return "  (the platform team's to accept)" if _is_platforms(finding, outcome) else ""


def _next(plan: Plan, request: Request, service: ServiceName, value: AdoptedService) -> None:
    if patterns := value.role_names(request.stage.environment):
        plan.next.append(
            f"make up    # on AWS: deploy the foundation in {request.stage.environment.account} once more, with"
            f" {','.join(patterns)} among RoleNames: docs/adopt.md"
        )
    plan.next.append("make check")
    plan.next.append(penstock("review", "HEAD") + "    # what changes, before it is pushed")
    plan.next.append(f"git add --all && git commit -m 'Adopt {service.name}' && git push local main")
