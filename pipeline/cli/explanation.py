"""What one service gets in one stage, and why: gathered from its entry, the library, and a synth of it alone."""

import ast
import dataclasses
import inspect
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from constructs import Construct

from pipeline.catalogue.model import Stage, Wave
from pipeline.catalogue.release import (
    OF_A_SERVICE,
    OF_A_TIER,
    Wish,
    has_default_alarms,
    release_of,
    tier_release,
    watched_services,
    why_not,
    wishes_for,
    with_own_release,
)
from pipeline.catalogue.source_location import SourceExpression, assignments, expression_of, relative
from pipeline.cli import single_stack
from pipeline.cli.template_lines import hunks
from pipeline.definition import pipeline_size
from services.library.constructs.release_alarm import lacking
from services.library.contract import defaults
from services.library.contract.environment import Tier
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack
from services.library.guardrails import assembly
from services.library.guardrails.acknowledgement.review_rules import is_review_rule
from services.library.guardrails.baseline.guard import OTHER_STACK
from services.library.guardrails.judgement import Judgement
from services.library.guardrails.overrides import rebuild
from services.library.guardrails.overrides.rebuild import of_stack

if TYPE_CHECKING:
    from services.library.contract.acknowledgement import Acknowledgement

CONTRACT = frozenset(field.name for field in dataclasses.fields(Service))
UNKNOWN = "known at deployment"
DEFAULTS_FILE = Path(inspect.getfile(defaults))
Explanation = dict[str, Any]
"""As `--json` prints it. A setting is {name, value, origin {why, at}}, with `at` as file:line."""


def explain(
    root: Path, stage: Stage, service: Service[Any], *, released_with: Stage | Wave | None = None
) -> Explanation:
    """Gather everything of one service in one stage, which must list it.

    `released_with`: the wave that the stage is in, if it is in one.
    """
    entry = ServiceEntry(stage, service)
    with tempfile.TemporaryDirectory() as folder:
        app, built = single_stack.build(folder, single_stack.context(root), stage, service)
        stack = built.stacks[service.name]
        made = Path(built.synth(skip_validation=True).directory)
        judgement = single_stack.judge(app, made, built)
        override = _override(made, stack, entry.expression)
    environment = stage.environment
    return {
        "service": service.name,
        "stage": stage.name,
        "stack": stack.stack_name,
        "owner": service.owner,
        "account": environment.account,
        "region": environment.region,
        "tier": environment.tier.value,
        "entry": str(entry.expression),
        "settings": [entry.setting(each.name) for each in dataclasses.fields(service) if each.name not in CONTRACT],
        "defaults": [*_defaults(environment.tier)],
        "parts": [*_parts(service, stack)],
        "steps": [
            {"when": when, "kind": type(step).__name__, "name": step.name, "origin": entry.origin(when)}
            for when in ("before", "after")
            for step in getattr(service, when)
        ],
        "release": [
            *_of_service(entry, lacks := lacking(stack)),
            *_of_stage(entry, lacks, released_with or stage),
        ],
        "approval": _approval(stage),
        "offers": _published(service.offers, {other.name: other.all_needs for other in stage.services}),
        "needs": _published(service.all_needs, {other.name: other.offers for other in stage.services}),
        "override": override,
        "accepted": [*_accepted(service, stack, judgement)],
        "decided": [*_decided(stack, judgement)],
        "refused": [
            {"rule": each.rule, "path": _below(each.path, stack), "text": each.text}
            for each in judgement.failed
            if each.rule == OTHER_STACK.id or _is_below(each.path, stack)
        ],
    }


@dataclass(frozen=True)
class ServiceEntry:
    """A service of a stage, and where the stage's file lists it."""

    stage: Stage
    service: Service[Any]

    @property
    def expression(self) -> SourceExpression:
        """The entry in the stage's file."""
        services = self.stage.services
        return expression_of(self.stage).item("services", services.index(self.service), len(services))

    def setting(self, name: str) -> Explanation:
        """Return one setting with its origin."""
        return {"name": name, "value": shown(getattr(self.service, name)), "origin": self.origin(name)}

    def origin(self, name: str) -> dict[str, str]:
        """Return where the entry, or else the service's class, gives a setting."""
        entry = self.expression
        default = next(each for each in dataclasses.fields(self.service) if each.name == name).default
        if (given := entry.field(name)) is not entry:
            return {"why": "stage entry", "at": str(given)}
        if not isinstance(entry.node, ast.Call) and getattr(self.service, name) != default:
            return {"why": "stage entry, made by other code", "at": str(entry)}
        return {"why": "default", "at": _default_at(type(self.service), name)}


def _setting(name: str, value: str, why: str, at: str) -> Explanation:
    return {"name": name, "value": value, "origin": {"why": why, "at": at}}


def shown(value: object) -> str:
    """Return a value as somebody would write it."""
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
    parts = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    given = ", ".join(f"{each.name}={shown(getattr(value, each.name))}" for each in parts)
    return f"{type(value).__name__}({given})" if parts else type(value).__name__


def _of_tier(tier: Tier) -> SourceExpression:
    """Return where the organisation's defaults of a tier are."""
    by_tier = next(node for node in ast.walk(assignments(DEFAULTS_FILE)["BY_TIER"]) if isinstance(node, ast.Dict))
    calls = {ast.unparse(key): value for key, value in zip(by_tier.keys, by_tier.values, strict=True) if key}
    return SourceExpression(file=relative(DEFAULTS_FILE), node=calls[f"Tier.{tier.name}"])


def _defaults(tier: Tier) -> Iterator[Explanation]:
    assigned = assignments(DEFAULTS_FILE)
    file = relative(DEFAULTS_FILE)
    given = _of_tier(tier)
    for name, value in vars(defaults.BY_TIER[tier]).items():
        yield _setting(name, shown(value), f"tier {tier.value}", str(given.field(name)))
    for name in ("FUNCTION_RUNTIME", "FUNCTION_ARCHITECTURE", "PERMISSIONS_BOUNDARY"):
        value = getattr(defaults, name)
        said = value if isinstance(value, str) else value.name
        yield _setting(name.lower(), said, "organisation", str(SourceExpression(file=file, node=assigned[name])))


def _parts(service: Service[Any], stack: ServiceStack) -> Iterator[Explanation]:
    """Yield whatever the stack keeps of the library, as overrides find it."""
    calls = [node for node in ast.walk(_parsed(inspect.getfile(type(service)))) if isinstance(node, ast.Call)]
    for name, value in vars(stack).items():
        if isinstance(value, Construct) and type(value).__module__.startswith("services.library."):
            settings = getattr(value, "settings", None)
            yield {
                "attribute": name,
                "construct": type(value).__name__,
                "at": _class_at(type(value)),
                "settings": [*_given(inspect.getfile(type(service)), calls, settings)]
                if dataclasses.is_dataclass(settings)
                else [],
            }


def _given(file: str, calls: Sequence[ast.Call], settings: Any, prefix: str = "") -> Iterator[Explanation]:
    """Yield the settings of a construct, and where the service's file gives each, if one call there does."""
    class_ = type(settings)
    for name in (field.name for field in dataclasses.fields(settings)):
        value = getattr(settings, name)
        if dataclasses.is_dataclass(value):
            yield from _given(file, calls, value, f"{prefix}{name}.")
            continue
        lines = {
            keyword.value.lineno
            for call in calls
            if ast.unparse(call.func).rpartition(".")[2] == class_.__name__
            for keyword in call.keywords
            if keyword.arg == name
        }
        why, at = ("service", _at(file, lines.pop())) if len(lines) == 1 else ("library", _default_at(class_, name))
        yield _setting(f"{prefix}{name}", shown(value), why, at)


def _of_service(entry: ServiceEntry, lacks: str | None) -> Iterator[Explanation]:
    """Yield what holds of the service's own releases, each with who wishes it. `lacks`: what its stack has not."""
    stage, service = entry.stage, entry.service
    release = with_own_release(stage, service).release
    for name in OF_A_SERVICE:
        if release is None or (value := getattr(release, name)) is None:
            continue
        if name == "alarms" and lacks is not None and has_default_alarms(stage, service):
            yield _not_applied(stage, name, f"its stack is without {lacks}")
            continue
        said = [each for each in wishes_for(stage, name) if each.service in (None, service)]
        wish = said[-1] if said else Wish(value=value, stage=stage, is_default=True)
        yield _wish(name, wish, f"wish of {wish.who}")


def _of_stage(entry: ServiceEntry, lacks: str | None, released_with: Stage | Wave) -> Iterator[Explanation]:
    """Yield what holds of all that is released together, each with who wishes it, and what of the tier's does not."""
    stage = entry.stage
    reasons = {name: why for name in OF_A_TIER if (why := _why_not(entry, lacks, released_with, name))}
    found = set()
    for name, wish in release_of(released_with).wishes:
        of = next((each for each in OF_A_TIER if name.startswith(each)), name)
        if not wish.is_default or of not in reasons:
            found.add(of)
            yield _wish(name, wish, f"strictest wish, of {wish.who}")
    for name in OF_A_TIER:
        if name in found:
            continue
        if said := wishes_for(stage, name):
            yield _wish(name, said[0], f"wish of {said[0].who}")
        elif getattr(tier_release(stage), name) is not None and name in reasons:
            yield _not_applied(stage, name, reasons[name])


def _why_not(entry: ServiceEntry, lacks: str | None, released_with: Stage | Wave, name: str) -> str | None:
    """Return why the tier's default for a field does not hold, as far as the catalogue and this one stack tell."""
    watched = [each.name for stage in released_with.stages for each in watched_services(stage)]
    if name == "bake" and watched == [entry.service.name] and lacks and has_default_alarms(entry.stage, entry.service):
        return f"the only service has no release alarm, since its stack is without {lacks}"
    size = pipeline_size.actions_of(released_with)
    if name == "roll_back" and size > pipeline_size.MOST_IN_A_STAGE:
        return f"{size} actions are more than one stage of a pipeline takes"
    return why_not(released_with, name)


def _wish(name: str, wish: Wish[Any], why: str) -> Explanation:
    if wish.is_default:
        return _setting(name, shown(wish.value), "the tier's default", _tier_release_at(wish.stage))
    written = expression_of(wish.stage)
    if wish.service is not None:
        written = ServiceEntry(wish.stage, wish.service).expression
    return _setting(name, shown(wish.value), why, str(written.field("release")))


def _not_applied(stage: Stage, name: str, why: str) -> Explanation:
    return _setting(name, "none", f"the tier's default does not hold here: {why}", _tier_release_at(stage))


def _tier_release_at(stage: Stage) -> str:
    return str(_of_tier(stage.environment.tier).field("release"))


def _approval(stage: Stage) -> Explanation:
    value = "a person must agree" if stage.asks_approval else "nobody is asked"
    value += ", unless nothing would change" if stage.approves_unchanged else ""
    if stage.approval is None:
        return _setting("approval", value, f"tier {stage.environment.tier.value}", _default_at(Stage, "approval"))
    return _setting("approval", value, "stage", str(expression_of(stage).field("approval")))


def _published(names: Iterable[Published], at_other_end: Mapping[str, Iterable[Published]]) -> list[Explanation]:
    """Return published names, each with the services of this stage at its other end."""
    return [
        {"name": each.name, "services": [service for service, others in at_other_end.items() if each in others]}
        for each in names
    ]


def _override(folder: Path, stack: ServiceStack, entry: SourceExpression) -> Explanation | None:
    """Return the entry's override and the lines of the templates that it changes."""
    if stack.overridden is None:
        return None
    source = stack.overridden.source
    made = {path: [*assembly.templates(folder, file, path)] for path, file in assembly.stacks(folder)}
    after = of_stack(stack.node.path, made)
    without = of_stack(stack.node.path, rebuild.without_override(stack.overridden))
    before = {template.file: template for template in without}
    changes = []
    for template in [*after, *(each for file, each in before.items() if file not in {one.file for one in after})]:
        old = before.get(template.file)
        new = template if template in after else None
        paths = {each.logical_id: each.path for side in (old, new) if side for each in side.resources()}
        changes += [
            {
                "resource": _below(paths[hunk.name], stack) if hunk.section == "Resources" else hunk.section,
                "logical_id": hunk.name,
                "property": hunk.path,
                "template": template.file,
                "diff": [*hunk.diff],
            }
            for hunk in hunks(old.body if old else {}, new.body if new else {})
        ]
    return {
        "name": source.name,
        "at": f"{source.file}:{source.line}" if source.file else "",
        "why": source.docstring,
        "entry": str(entry.field("override")),
        "changes": changes,
    }


def _accepted(service: Service[Any], stack: ServiceStack, judgement: Judgement) -> Iterator[Explanation]:
    """Yield each acknowledgement that accepts something here, and what the service may accept of a review."""
    findings: dict[tuple[str, Acknowledgement], list[str]] = {}
    for one in judgement.accepted:
        if _is_below(one.finding.path, stack):
            said = f"{one.finding.rule} on {_below(one.finding.path, stack)}"
            findings.setdefault((one.file, one.acknowledgement), []).append(said)
    for each in (*service.acknowledgements, *service.stage_acknowledgements):
        if is_review_rule(each.rule):
            findings.setdefault((f"services/{service.name.replace('-', '_')}/acknowledgements.py", each), [])
    for (file, given), here in sorted(findings.items(), key=lambda each: (each[0][1].rule, each[0][1].path)):
        said_of_it = dataclasses.asdict(given) | {"expires": given.expires.isoformat()}
        yield said_of_it | {"file": file, "findings": here}


def _decided(stack: ServiceStack, judgement: Judgement) -> Iterator[Explanation]:
    """Yield what the library decides here, each reason once."""
    findings: dict[tuple[str, str], list[str]] = {}
    for one in judgement.decided:
        if _is_below(one.finding.path, stack):
            said = f"{one.finding.rule} on {_below(one.finding.path, stack)}"
            findings.setdefault((one.construct, one.reason), []).append(said)
    for (construct, reason), here in sorted(findings.items()):
        yield {"construct": construct, "reason": reason, "findings": here}


def _is_below(path: str, stack: ServiceStack) -> bool:
    return f"{path}/".startswith(f"{stack.node.path}/")


def _below(path: str, stack: ServiceStack) -> str:
    return path.removeprefix(stack.node.path).removeprefix("/") or "the stack"


def _at(file: str, line: int) -> str:
    return f"{relative(Path(file))}:{line}"


def _class_at(class_: type) -> str:
    return _at(inspect.getfile(class_), inspect.getsourcelines(class_)[1])


def _default_at(class_: type, field: str) -> str:
    """Return where a dataclass's field has its default: in the class, or in the nearest one above that has it."""
    for each in class_.__mro__:
        if field in inspect.get_annotations(each):
            lines, first = inspect.getsourcelines(each)
            for number, line in enumerate(lines, first):
                if line.lstrip().startswith(f"{field}:"):
                    return _at(inspect.getfile(each), number)
    return _class_at(class_)


def _parsed(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))
