"""`review`: two assemblies in, one review out. Pure but for reading the templates."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pipeline.review.diff import exports, guardrails
from pipeline.review.diff import stacks as both_sides
from pipeline.review.diff_stacks import StackDifferences
from pipeline.review.judge import finding, findings, irreversible, verdict
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import GuardrailChange, Review, StackLocation
from pipeline.review.read.adopted import with_adopted
from pipeline.review.read.assembly import Assembly, UnreadableError
from pipeline.review.read.places import Constructs


def review(base: Assembly, head: Assembly, baseline: ReviewBaseline) -> Review:
    """Compare two assemblies, and judge what the head side would change."""
    base = with_adopted(base, head)
    differences = StackDifferences(base, head)
    for pair in both_sides.pairs(base.stacks, head.stacks):
        with _said_of(pair.either.place.name, differences.incomplete):
            differences.add(pair)
    before, after = guardrails.read(base), guardrails.read(head)
    unchecked = () if base.unread else tuple(guardrails.unchecked(base, head))
    guardrail_changes = tuple(differences.overrides)
    if before != after and not base.unread and not unchecked:
        found = guardrails.changes(before, after, _constructs(head, differences.incomplete))
        guardrail_changes += tuple(_located(each, base) for each in found)
    drafts = [*differences.drafts, *differences.of_pipeline()]
    paths = {stack.place.name: stack.path for side in (base, head) for stack in side.stacks}
    drafts += [
        findings.of_export(each, paths.get(each.place.stack, "")) for each in exports.broken(*differences.exports)
    ]
    drafts += [draft for each in guardrail_changes for draft in findings.of_guardrail(each)]
    drafts += findings.of_stages(base.stages, head.stages, differences.stacks)
    drafts += [findings.of_drift(each) for each in base.drifted]
    drafts += findings.of_rules(baseline.changed_rules, by_base=baseline.by_base)
    stages = (*head.stages, *(stage for stage in base.stages if stage not in head.stages))
    judged = finding.merged(drafts, given=before.given, baseline=baseline, order=stages)
    unknown = [*base.unread, *head.unread, *_lookups(base, head), *unchecked, *differences.incomplete]
    incomplete = tuple(dict.fromkeys(unknown))
    result, risk = verdict.judge(judged, incomplete, baseline.fail_on)
    return Review(
        verdict=result,
        risk=risk,
        fail_on=baseline.fail_on,
        complete=not incomplete,
        incomplete=incomplete,
        base=base.label,
        head=head.label,
        findings=judged,
        changes=tuple(differences.changes),
        stacks=tuple(differences.stacks),
        access=tuple(differences.access),
        pipeline=differences.pipeline,
        guardrails=guardrail_changes,
        assets=tuple(differences.assets),
        stages=stages,
        irreversible=irreversible.merged(differences.irreversible, stages or ("",)),
    )


def _lookups(base: Assembly, head: Assembly) -> list[str]:
    return [
        f"The {what} side asks an account for {lookup}: until that is answered, its templates have dummy values."
        for what, side in (("base", base), ("head", head))
        for lookup in side.missing
    ]


@contextmanager
def _said_of(stack: str, incomplete: list[str]) -> Iterator[None]:
    """Turn whatever goes wrong with one stack into a sentence, so that the others are still reviewed."""
    try:
        yield
    except UnreadableError:
        raise
    except Exception as error:  # noqa: BLE001 - a template may be malformed in any way, and none may end in a traceback
        incomplete.append(
            f"{stack or 'The template'} cannot be compared ({type(error).__name__}): it is malformed, or nested too"
            " deeply, or this review has a defect."
        )


def _located(change: GuardrailChange, base: Assembly) -> GuardrailChange:
    """Return a change with its place, also where its construct goes with the stack that it is in."""
    if change.stack:
        return change
    stack = next((each for each in base.stacks if change.path.startswith(f"{each.path}/") and each.stage), None)
    return replace(change, stage=stack.stage, service=stack.service, stack=stack.place.name) if stack else change


def _constructs(side: Assembly, incomplete: list[str]) -> dict[str, StackLocation]:
    """Find the location of every construct of a side."""
    found = Constructs()
    for stack in side.stacks:
        place = StackLocation(stage=stack.stage, service=stack.service, stack=stack.place.name)
        with _said_of(stack.place.name, incomplete):
            found.add(stack, place, stack.resolve())
        stack.forget()
    return found.known
