"""`review`: two assemblies in, one review out. Pure but for reading the templates."""

from dataclasses import dataclass, field
from datetime import date

from pipeline.review.diff import exports, guardrails
from pipeline.review.diff import stacks as both_sides
from pipeline.review.diff_stacks import Collector
from pipeline.review.judge import finding, findings, verdict
from pipeline.review.judge.rules import Rules, own
from pipeline.review.model import Level, Place, Review
from pipeline.review.read.assembly import Assembly
from pipeline.review.read.places import Constructs


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What a verdict rests on besides the two assemblies."""

    fail_on: Level = Level.HIGH
    today: date = date.max
    """An acknowledgement that expired before it accepts nothing."""
    judged_by: Rules = field(default_factory=own)
    """The base side's."""
    changed_rules: tuple[str, ...] = ()
    """Sentences: what the head side changes of the rules, the engine or the guardrails."""
    by_base: bool = True
    """Whether the code that runs is the base side's."""


def review(base: Assembly, head: Assembly, basis: Basis) -> Review:
    """What the head side would change."""
    collected = Collector(base, head)
    for pair in both_sides.pairs(base.stacks, head.stacks):
        collected.take(pair)
    before, after = guardrails.read(base), guardrails.read(head)
    guardrail_changes = (
        () if before == after or base.unread else guardrails.changes(before, after, _constructs(head))
    ) + tuple(collected.overrides)
    drafts = collected.drafts
    paths = {stack.place.name: stack.path for side in (base, head) for stack in side.stacks}
    drafts += [findings.of_export(each, paths.get(each.place.stack, "")) for each in exports.broken(*collected.exports)]
    drafts += [draft for each in guardrail_changes for draft in findings.of_guardrail(each)]
    drafts += findings.of_stages(base.stages, head.stages, collected.stacks)
    drafts += findings.of_rules(basis.changed_rules, by_base=basis.by_base)
    stages = (*head.stages, *(stage for stage in base.stages if stage not in head.stages))
    judged = finding.merged(drafts, given=before.given, judged_by=basis.judged_by, today=basis.today, order=stages)
    incomplete = tuple(dict.fromkeys([*base.unread, *head.unread, *_lookups(base, head), *collected.incomplete]))
    result, risk = verdict.judge(judged, incomplete, basis.fail_on)
    return Review(
        verdict=result,
        risk=risk,
        fail_on=basis.fail_on,
        complete=not incomplete,
        incomplete=incomplete,
        base=base.label,
        head=head.label,
        findings=judged,
        changes=tuple(collected.changes),
        stacks=tuple(collected.stacks),
        access=tuple(collected.access),
        pipeline=collected.pipeline,
        guardrails=guardrail_changes,
        assets=tuple(collected.assets),
        stages=stages,
    )


def _lookups(base: Assembly, head: Assembly) -> list[str]:
    return [
        f"The {what} side asks an account for {lookup}: until that is answered, its templates have dummy values."
        for what, side in (("base", base), ("head", head))
        for lookup in side.missing
    ]


def _constructs(side: Assembly) -> dict[str, Place]:
    """Every construct of a side."""
    found = Constructs()
    for stack in side.stacks:
        place = Place(stage=stack.stage, service=stack.service, stack=stack.place.name)
        found.add(stack, place, stack.resolve())
        stack.forget()
    return found.known
