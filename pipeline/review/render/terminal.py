"""The review as plain text: what a person reads where `penstock review` ran."""

from collections.abc import Iterator, Sequence

from pipeline.review.model import Finding, Level, Review
from pipeline.review.render import view
from pipeline.review.render.compared import Part, Replaced, sides
from pipeline.review.render.escape import flat, shortened, visible
from pipeline.review.render.view import Section
from pipeline.review.render.words import counted_noun

LONGEST_VALUE = 100


def render(review: Review) -> str:
    """All findings, then every change; nothing that a terminal would obey."""
    base, head = (flat(each) or "nothing" for each in (review.base, review.head))
    lines = [
        view.headline(review),
        f"{base} -> {head}, blocked from {review.fail_on.value} on",
        *(f"  could not be reviewed: {flat(each)}" for each in review.incomplete),
        *(line for line in [view.way_back(review)] if line),
        *(f"  {flat(each)}" for each in review.irreversible),
    ]
    if review.findings:
        lines += ["", "Findings"]
        lines += [line for finding in view.in_front(review) for line in _finding(finding)]
        lines += [f"  {folded}" for folded in [view.folded(review)] if folded]
    lines += _pipeline(review)
    for section in view.sections(review):
        lines += _section(section)
    return "\n".join(lines) + "\n"


def _finding(finding: Finding) -> Iterator[str]:
    accepted = ", accepted" if finding.acknowledged else ""
    place = flat(view.where(finding, finding.stages))
    name = flat(f"{finding.rule} {finding.path or finding.logical_id}")
    yield f"  {finding.level.value}{accepted}: {name}{f' ({place})' if place else ''}"
    yield from _indented(finding.evidence)
    if finding.advice:
        yield from _indented(f"Instead: {finding.advice}")
    if finding.accept:
        yield from _indented(f"To accept: {finding.accept}")
    if finding.acknowledged:
        yield from _indented(f"Accepted: {finding.acknowledged}")


def _pipeline(review: Review) -> Iterator[str]:
    pipeline = review.pipeline
    if pipeline.differences or pipeline.self_mutates:
        yield from ("", "The pipeline itself")
    for each in pipeline.differences:
        place = " / ".join(part for part in (each.stage, each.action) if part)
        values = f": {each.old or 'nothing'} -> {each.new or 'nothing'}" if view.has_short_values(each) else ""
        yield f"  {flat(place) or 'pipeline'}: {flat(each.what + values)}"
    if pipeline.self_mutates:
        yield f"  this push updates the pipeline before it deploys{' and starts it anew' if pipeline.restarts else ''}"
    if not pipeline.rollback_available:
        yield "  a stage cannot roll back to the run before this one"


def _section(section: Section) -> Iterator[str]:
    risk = f" [{section.risk.value}]" if section.risk is not Level.NONE else ""
    yield from ("", f"{flat(section.service) or 'template'}{risk}: {section.summary}")
    for new in section.new:
        yield f"  {flat(f'{new.title}: {new.summary}')}"
    for stack in section.stacks:
        places = " -> ".join(
            f"{each.name} {each.account} {each.region}" for each in (stack.before, stack.after) if each
        )
        count = counted_noun(stack.resources, "resource")
        yield f"  stack {view.WORDS[stack.outcome]}{_in([stack.stage])}: {flat(places)}, {count}"
    yield from _rows(section)
    for access in section.access:
        about = f"{access.first.direction.value} ({access.first.kind.value})"
        yield f"  access {about}: {flat(access.first.path or access.first.logical_id)}{_in(access.stages)}"
        yield from _indented(access.first.evidence)
    for guardrail in section.guardrails:
        guarded = guardrail.first
        yield f"  {guarded.kind} {guarded.state}: {flat(f'{guarded.rule} {guarded.path}')}{_in(guardrail.stages)}"
        if guarded.state == "decided":
            yield from _indented(guarded.text)
    if section.gone:
        yield f"  {view.gone(section)}"
    for asset in section.assets:
        yield f"  {flat(asset.first.kind)} changed: {flat(asset.first.path)}{_in(asset.stages)}"
    if section.noise:
        reasons = ", ".join(sorted({row.first.noise for row in section.noise}))
        yield f"  folded: {counted_noun(len(section.noise), 'row')} ({flat(reasons)})"


def _rows(section: Section) -> Iterator[str]:
    for rated in section.rows:
        change = rated.row.first
        flags = "".join(f", {flag}" for flag in view.flags(change))
        name = flat(f"{change.path or change.logical_id} {change.type}")
        yield f"  {view.WORDS[change.outcome]}{flags}: {name}{_in(rated.row.stages)}"
        for each in rated.row.properties:
            name = flat(f"{each.path}{view.in_entries(each)}")
            yield from (f"    {name}{_in(stages)}{_part(part)}" for stages, part in each.parts)


def _indented(text: str) -> Iterator[str]:
    return (f"    {line}" for line in visible(text).splitlines())


def _part(part: Part) -> str:
    label = f", {flat(shortened(part.label, LONGEST_VALUE))}" if part.label else ""
    if isinstance(part, Replaced):
        return f"{label}: {' -> '.join(sides(part.old, part.new, LONGEST_VALUE))}"
    return f"{label}: {'; '.join(f'{verb} {flat(listed)}' for verb, listed in view.entries(part, LONGEST_VALUE))}"


def _in(stages: Sequence[str]) -> str:
    named = [stage for stage in stages if stage]
    return f" in {flat(', '.join(named))}" if named else ""
