"""What one service gets in one stage, and why: gathered from its entry, the library, and a synth of it alone."""

import ast
import dataclasses
import inspect
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from constructs import Construct

from pipeline.catalogue.model import Stage
from pipeline.catalogue.source_location import Written, where
from pipeline.cli import origins
from pipeline.cli.origins import Origin
from pipeline.cli.template_lines import hunks
from pipeline.definition.service_stage import ServiceStage, checked_stacks
from services.library.contract import defaults
from services.library.contract.build_record import OverriddenStack
from services.library.contract.environment import Tier
from services.library.contract.release import Release
from services.library.contract.service import Service, ServiceStack
from services.library.guardrails import assembly
from services.library.guardrails.acknowledgement.review_rules import is_review_rule
from services.library.guardrails.baseline.guard import OTHER_STACK
from services.library.guardrails.overrides import rebuild
from services.library.guardrails.overrides.rebuild import of_stack
from services.library.guardrails.plugin import Guardrails, Judgement, Synthesised
from stages.acknowledgements import ACKNOWLEDGEMENTS

if TYPE_CHECKING:
    from services.library.contract.acknowledgement import Acknowledgement
    from services.library.guardrails.decisions.decision import Decision

CONTRACT = frozenset(field.name for field in dataclasses.fields(Service))
ENGINE = "Pipeline"
"""The pipeline's stack, which stages are below."""
UNKNOWN = "known at deployment"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One value, and where it comes from."""

    name: str
    value: str
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Part:
    """A construct of the library that the stack keeps under a name, for overrides among others."""

    attribute: str
    construct: str
    at: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happens before or after the service's deployment."""

    when: str
    kind: str
    name: str
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Need:
    """A published name, and the service of this stage at its other end."""

    name: str
    services: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Lines of the template that an override changes."""

    resource: str
    """The construct's path below the stack, or the section for what is none."""
    logical_id: str
    property: str
    template: str
    diff: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Override:
    """The entry's override and all that it changes."""

    name: str
    at: str
    why: str
    entry: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One acknowledgement, and the findings that it accepts here."""

    rule: str
    path: str
    reason: str
    owner: str
    expires: str
    file: str
    findings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One reason of the library's, and the findings here that nobody has to accept because of it."""

    construct: str
    reason: str
    findings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What fails the synth: nobody has accepted it."""

    rule: str
    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Everything of one service in one stage."""

    service: str
    stage: str
    stack: str
    owner: str
    account: str
    region: str
    tier: str
    entry: str
    settings: tuple[Setting, ...]
    defaults: tuple[Setting, ...]
    parts: tuple[Part, ...]
    steps: tuple[Step, ...]
    release: tuple[Setting, ...]
    approval: Setting
    offers: tuple[Need, ...]
    needs: tuple[Need, ...]
    override: Override | None
    accepted: tuple[Accepted, ...]
    decided: tuple[Decided, ...]
    refused: tuple[Finding, ...]


def explain(root: Path, stage: Stage, service: Service[Any]) -> Explanation:
    """Gather it. The service must be one of the stage's."""
    entry = where(stage).item("services", stage.services.index(service), len(stage.services))
    context = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]
    # What the CDK's CLI would add: paths, by which findings and acknowledgements meet.
    context |= {"aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True}
    with tempfile.TemporaryDirectory() as folder:
        app, built = _built(folder, context, stage, service)
        stack = built.stacks[service.name]
        made = Path(built.synth(skip_validation=True).directory)
        judgement = _judge(app, made, built)
        override = _override(made, built, stack, entry)
    environment = stage.environment
    written = _Written(root, service, entry)
    return Explanation(
        service=service.name,
        stage=stage.name,
        stack=stack.stack_name,
        owner=service.owner,
        account=environment.account,
        region=environment.region,
        tier=environment.tier.value,
        entry=origins.of_written(entry),
        settings=tuple(
            written.setting(field.name) for field in dataclasses.fields(service) if field.name not in CONTRACT
        ),
        defaults=tuple(_defaults(root, environment.tier)),
        parts=tuple(_parts(root, service, stack)),
        steps=tuple(
            Step(when=when, kind=type(step).__name__, name=step.name, origin=written.setting(when).origin)
            for when in ("before", "after")
            for step in getattr(service, when)
        ),
        release=tuple(_release(written, service.release)),
        approval=_approval(root, stage),
        offers=tuple(
            Need(
                name=each.name,
                services=tuple(other.name for other in stage.services if each in other.all_needs),
            )
            for each in service.offers
        ),
        needs=tuple(
            Need(name=each.name, services=tuple(other.name for other in stage.services if each in other.offers))
            for each in service.all_needs
        ),
        override=override,
        accepted=tuple(_accepted(service, stack, judgement)),
        decided=tuple(_decided(stack, judgement)),
        refused=tuple(
            Finding(rule=each.rule, path=_below(each.path, stack), text=each.text)
            for each in judgement.failed
            if each.rule == OTHER_STACK.id or _is_below(each.path, stack)
        ),
    )


def _built(
    folder: str, context: Mapping[str, Any], stage: Stage, service: Service[Any]
) -> tuple[cdk.App, ServiceStage]:
    """The service alone; beside the others of its stage if its override looks at one of them."""

    def made(only: str | None) -> tuple[cdk.App, ServiceStage]:
        app = cdk.App(outdir=folder, analytics_reporting=False, tree_metadata=False, context=context)
        return app, ServiceStage(Construct(app, ENGINE), stage, only=only)

    try:
        return made(service.name)
    except Exception:
        if service.override is None:
            raise
        return made(None)


@dataclass(frozen=True)
class _Written:
    """Where the entry or the service's class gives what the service has."""

    root: Path
    service: Service[Any]
    entry: Written

    def setting(self, name: str) -> Setting:
        given = origins.of_field(self.entry, name)
        default = origins.of_default(self.root, type(self.service), name)
        value = getattr(self.service, name)
        field = next(each for each in dataclasses.fields(self.service) if each.name == name)
        if given:
            origin = Origin(why="stage entry", at=given)
        elif not isinstance(self.entry.node, ast.Call) and value != field.default:
            origin = Origin(why="stage entry, made by other code", at=origins.of_written(self.entry))
        else:
            origin = Origin(why="default", at=default)
        return Setting(name=name, value=shown(value), origin=origin)


def shown(value: object) -> str:
    """A value as somebody would write it."""
    if isinstance(value, cdk.Duration):
        return str(value.to_human_string())
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str | bool | int | float) or value is None:
        return UNKNOWN if cdk.Token.is_unresolved(value) else repr(value) if isinstance(value, str) else str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {shown(each)}" for name, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "(" + ", ".join(shown(each) for each in value) + ")"
    return type(value).__name__


def _defaults(root: Path, tier: Tier) -> Iterator[Setting]:
    file = inspect.getsourcefile(defaults) or ""
    for field in dataclasses.fields(defaults.Defaults):
        at = origins.of_key(root, file, f"Tier.{tier.name}", field.name)
        value = getattr(defaults.BY_TIER[tier], field.name)
        yield Setting(name=field.name, value=shown(value), origin=Origin(why=f"tier {tier.value}", at=at))
    for name, said in (
        ("FUNCTION_RUNTIME", defaults.FUNCTION_RUNTIME.name),
        ("FUNCTION_ARCHITECTURE", defaults.FUNCTION_ARCHITECTURE.name),
        ("PERMISSIONS_BOUNDARY", defaults.PERMISSIONS_BOUNDARY),
    ):
        yield Setting(
            name=name.lower(), value=said, origin=Origin(why="organisation", at=origins.of_name(root, file, name))
        )


def _parts(root: Path, service: Service[Any], stack: ServiceStack) -> Iterator[Part]:
    """Whatever the stack keeps of the library, as overrides find it."""
    file = inspect.getsourcefile(type(service)) or ""
    for name, value in vars(stack).items():
        if isinstance(value, Construct) and type(value).__module__.startswith("services.library."):
            settings = getattr(value, "settings", None)
            yield Part(
                attribute=name,
                construct=type(value).__name__,
                at=origins.of_class(root, type(value)),
                settings=tuple(_given(root, file, settings)) if dataclasses.is_dataclass(settings) else (),
            )


def _given(root: Path, file: str, settings: object, prefix: str = "") -> Iterator[Setting]:
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]  # the caller has asked
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from _given(root, file, value, f"{prefix}{field.name}.")
            continue
        given = origins.of_argument(root, file, type(settings).__name__, field.name)
        origin = (
            Origin(why="service", at=given)
            if given
            else Origin(why="library", at=origins.of_default(root, type(settings), field.name))
        )
        yield Setting(name=f"{prefix}{field.name}", value=shown(value), origin=origin)


def _release(written: _Written, release: Release | None) -> Iterator[Setting]:
    origin = written.setting("release").origin
    for field in dataclasses.fields(Release) if release else ():
        yield Setting(name=field.name, value=shown(getattr(release, field.name)), origin=origin)


def _approval(root: Path, stage: Stage) -> Setting:
    value = "a person must agree" if stage.asks_approval else "nobody is asked"
    if stage.approval is None:
        at = origins.of_default(root, Stage, "approval")
        origin = Origin(why=f"tier {stage.environment.tier.value}", at=at)
    else:
        written = where(stage)
        origin = Origin(why="stage", at=origins.of_field(written, "approval") or origins.of_written(written))
    return Setting(name="approval", value=value, origin=origin)


def _judge(app: cdk.App, folder: Path, built: ServiceStage) -> Judgement:
    account = built.stage.environment.account
    stacks = [Synthesised(path=path, file=file, account=account) for path, file in assembly.stacks(folder)]
    # That an acknowledgement is not needed takes all stages to say.
    return Guardrails(checked_stacks(built), accepted=ACKNOWLEDGEMENTS, every_stage=False).judge(app, folder, stacks)


def _override(folder: Path, built: ServiceStage, stack: ServiceStack, entry: Written) -> Override | None:
    if stack.overridden is None:
        return None
    source = stack.overridden.source
    beside = [each.build_record for each in built.stacks.values() if each.build_record is not None]
    if sum(isinstance(each, OverriddenStack) for each in beside) > 1:
        made = rebuild.stage_with_override(stack.overridden, beside)  # what the others change here is not this one's
    else:
        made = {path: [*assembly.templates(folder, file, path)] for path, file in assembly.stacks(folder)}
    after = of_stack(stack.node.path, made)
    before = {template.file: template for template in rebuild.without_override(stack.overridden, beside)}
    changes = []
    for template in [*after, *(each for file, each in before.items() if file not in {one.file for one in after})]:
        old = before.get(template.file)
        new = template if template in after else None
        paths = {each.logical_id: each.path for side in (old, new) if side for each in side.resources()}
        changes += [
            Change(
                resource=_below(paths[hunk.name], stack) if hunk.section == "Resources" else hunk.section,
                logical_id=hunk.name,
                property=hunk.path,
                template=template.file,
                diff=hunk.diff,
            )
            for hunk in hunks(old.body if old else {}, new.body if new else {})
        ]
    return Override(
        name=source.name,
        at=f"{source.file}:{source.line}" if source.file else "",
        why=source.docstring,
        entry=origins.of_field(entry, "override") or origins.of_written(entry),
        changes=tuple(changes),
    )


def _accepted(service: Service[Any], stack: ServiceStack, judgement: Judgement) -> Iterator[Accepted]:
    """What accepts something here, then what the service may accept of a review."""
    findings: dict[tuple[str, Acknowledgement], list[str]] = {}
    for one in judgement.accepted:
        if not _is_below(one.finding.path, stack):
            continue
        said = f"{one.finding.rule} on {_below(one.finding.path, stack)}"
        findings.setdefault((one.file, one.acknowledgement), []).append(said)
    for each in (*service.acknowledgements, *service.stage_acknowledgements):
        if is_review_rule(each.rule):
            findings.setdefault((f"services/{service.name.replace('-', '_')}/acknowledgements.py", each), [])
    for (file, given), here in sorted(findings.items(), key=lambda each: (each[0][1].rule, each[0][1].path)):
        yield Accepted(
            rule=given.rule,
            path=given.path,
            reason=given.reason,
            owner=given.owner,
            expires=given.expires.isoformat(),
            file=file,
            findings=tuple(here),
        )


def _decided(stack: ServiceStack, judgement: Judgement) -> Iterator[Decided]:
    """List what the library decides here, each reason once."""
    findings: dict[Decision, list[str]] = {}
    for one in judgement.decided:
        if _is_below(one.finding.path, stack):
            findings.setdefault(one.decision, []).append(f"{one.finding.rule} on {_below(one.finding.path, stack)}")
    for decision, here in sorted(findings.items(), key=lambda each: (each[0].construct, each[0].rules)):
        yield Decided(construct=decision.construct, reason=decision.reason, findings=tuple(here))


def _is_below(path: str, stack: ServiceStack) -> bool:
    return f"{path}/".startswith(f"{stack.node.path}/")


def _below(path: str, stack: ServiceStack) -> str:
    return path.removeprefix(stack.node.path).removeprefix("/") or "the stack"
