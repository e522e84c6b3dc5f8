"""The review as a comment: the verdict and every finding first, then one fold for each service, within a host's limit.

What is guaranteed, however small the limit: the verdict and the number of findings of each level. Then, as far as there
is room: every finding by name, every finding's sentence, what to do instead, a line for each service, each service's
changes. What is left out is counted, and the pointer says where all of it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.review.model import Finding, Level, Pipeline, Review, StackChange, Verdict
from pipeline.review.render import view
from pipeline.review.render.compared import Part, Replaced, sides
from pipeline.review.render.escape import code, inert_markup, prose, shortened
from pipeline.review.render.group_rows import Row
from pipeline.review.render.new_services import NewService
from pipeline.review.render.view import Rated, Section
from pipeline.review.render.words import counted_noun

MARKER = "<!-- penstock review -->"
"""By which a host's script finds the comment to keep up to date."""
SIGNS = {Verdict.PASS: "✅", Verdict.BLOCKED: "⛔", Verdict.INCOMPLETE: "⚠️"}
UNCHANGED = "💤"
LONGEST_VALUE = 160
SHORTEST_SENTENCE = 120
REASONS_SHOWN = 5
"""Of those for which a release cannot be taken back; most are findings as well."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a host's comments allow."""

    most: int
    """Bytes of UTF-8, which no host's count of characters exceeds."""
    folds: bool = True
    """Whether it shows `<details>`."""


HOSTS = {
    "github": Host(65_536),
    "gitlab": Host(1_000_000),
    "codecommit": Host(10_240, folds=False),
}
"""GitHub: https://github.com/orgs/community/discussions/27190. GitLab: "notes" limit in
https://docs.gitlab.com/administration/instance_limits/. CodeCommit: `content` of
https://docs.aws.amazon.com/codecommit/latest/APIReference/API_PostCommentForPullRequest.html."""


def render(review: Review, *, host: Host | None = None, pointer: str = "") -> str:
    """Return the comment. Without a host it is whole. `pointer`: where the full review is, an address or a sentence."""
    most = host.most if host else None
    folds = host.folds if host else True
    opening = _opening(review)
    closing = f"\n{_pointer(pointer)}\n" if pointer else "\n"
    whole = "\n".join([*opening, *_findings(review), *_bodies(review, folds=folds)]) + closing
    if most is None or _size(whole) <= most:
        return whole
    kept = _Kept(most - _size(closing) - _size(_rest(review, pointer=pointer)) - 2)
    kept.add_all(opening)
    kept.add_first_that_fits(_ways_to_say(view.in_front(review)))
    _add_sections(kept, review, folds=folds)
    return kept.text + _rest(review, pointer=pointer) + closing


class _Kept:
    """Lines that fit."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def add(self, lines: Sequence[str]) -> bool:
        """Return whether they fit: all or none."""
        size = sum(_size(line) + 1 for line in lines)
        if size > self._left:
            return False
        self._left -= size
        self._lines += lines
        return True

    def add_all(self, lines: Iterable[str]) -> None:
        """Those before the first that does not fit."""
        all(self.add([line]) for line in lines)

    def add_first_that_fits(self, ways: Sequence[list[str]]) -> None:
        """If none does, the last one as far as it goes."""
        if not any(self.add(way) for way in ways) and ways:
            self.add_all(ways[-1])


def _size(text: str) -> int:
    return len(text.encode())


def _opening(review: Review) -> list[str]:
    sign = UNCHANGED if review.is_empty and review.verdict is Verdict.PASS else SIGNS[review.verdict]
    base, head = (code(shortened(each, 80)) or "nothing" for each in (review.base, review.head))
    lines = [
        MARKER,
        f"## {sign} {view.headline(review)}",
        "",
        f"{base} → {head}, blocked from {review.fail_on.value} on.",
    ]
    if review.incomplete:
        lines += ["", "**Could not be reviewed:**", ""]
        lines += [f"- {_lines(shortened(each, 400))}" for each in review.incomplete[:20]]
        if len(review.incomplete) > 20:
            lines.append(f"- and {len(review.incomplete) - 20} more")
    if said := view.way_back(review):
        lines += ["", f"{said}{':' if review.irreversible else '.'}", ""]
        lines += [f"- {_lines(shortened(each, LONGEST_VALUE))}" for each in review.irreversible[:REASONS_SHOWN]]
        if len(review.irreversible) > REASONS_SHOWN:
            lines.append(f"- and {len(review.irreversible) - REASONS_SHOWN} more")
    return lines


def _findings(review: Review) -> list[str]:
    folded = view.folded(review)
    return [*next(iter(_ways_to_say(view.in_front(review))), []), *(["", f"{folded}."] if folded else [])]


def _ways_to_say(findings: Sequence[Finding]) -> list[list[str]]:
    """From everything there is to say of each finding down to its name alone; every way names every finding."""
    if not findings:
        return []
    head = ["", "### Findings", ""]
    return [
        [*head, *(line for each in findings for line in _finding(each, advice=True))],
        [*head, *(line for each in findings for line in _finding(each, advice=False))],
        [*head, *(line for each in findings for line in _finding(each, advice=False, most=SHORTEST_SENTENCE))],
        [*head, *_by_name(findings)],
    ]


def _finding(finding: Finding, *, advice: bool, most: int | None = None) -> Iterator[str]:
    what = code(finding.path or finding.logical_id)
    name = f" ({code(finding.logical_id)})" if finding.logical_id and finding.logical_id != finding.path else ""
    place = prose(view.where(finding, finding.stages))
    said = finding.evidence if most is None else shortened(finding.evidence.replace("\n", "; "), most)
    accepted = f" Accepted: {_lines(finding.acknowledged)}" if finding.acknowledged else ""
    title = f"{finding.level.value}{', accepted' if finding.acknowledged else ''}"
    yield f"- **{title}** {code(finding.rule)} {what}{name if most is None else ''}{f' · {place}' if place else ''}  "
    notes = [("Instead", finding.advice), ("To accept", finding.accept)] if advice else []
    lines = [f"{_lines(said)}{accepted}", *(f"*{title}:* {_lines(text)}" for title, text in notes if text)]
    yield "  \n".join(f"  {line}" for line in lines)


def _by_name(findings: Sequence[Finding]) -> Iterator[str]:
    """The worst first, so that a line that does not fit is one of the least."""
    for each in findings:
        accepted = " accepted" if each.acknowledged else ""
        stages = f" {prose(','.join(each.stages))}" if each.stages else ""
        rule = each.rule.removeprefix("Review-")
        yield f"- {each.level.value}{accepted} {prose(rule)} {code(each.path or each.logical_id)}{stages}"


def _bodies(review: Review, *, folds: bool) -> Iterator[str]:
    for title, lines, _ in _folds(review, folds=folds):
        yield from _fold(title, lines, folds=folds)


def _add_sections(kept: _Kept, review: Review, *, folds: bool) -> None:
    """First every fold's title; then the folds whole, or cut after some of their changes, until the room is used up."""
    every = list(_folds(review, folds=folds))
    if not kept.add(["", *(f"- {title}" for title, _, _ in every)]):
        return
    for title, lines, noun in every:
        count = len(lines)
        while count and not kept.add(_cut(title, lines, count, noun, folds=folds)):
            count //= 2
        if not count:
            return


def _cut(title: str, lines: Sequence[str], count: int, noun: str, *, folds: bool) -> list[str]:
    rest = [f"- … and {len(lines) - count} more {noun}"] if count < len(lines) else []
    return list(_fold(title, [*lines[:count], *rest], folds=folds))


def _fold(title: str, lines: Sequence[str], *, folds: bool) -> Iterator[str]:
    if folds:
        yield from ("", f"<details><summary>{title}</summary>", "", *lines, "", "</details>")
    else:
        yield from ("", f"#### {title}", "", *lines)


def _folds(review: Review, *, folds: bool) -> Iterator[tuple[str, list[str], str]]:
    """(title, lines, what a line is) of the pipeline and of each service."""
    escaped = inert_markup if folds else prose  # a host reads no Markdown within a summary
    if review.pipeline.differences or review.pipeline.self_mutates:
        yield "The pipeline itself", list(_pipeline(review.pipeline)), "differences"
    for section in view.sections(review):
        risk = f" · {section.risk.value}" if section.risk is not Level.NONE else ""
        stages = f" in {escaped(', '.join(section.stages))}" if section.stages else ""
        name = escaped(section.service) or "template"
        yield f"{name}{risk}: {section.summary}{stages}", list(_section(section)), "changes"


def _pipeline(pipeline: Pipeline) -> Iterator[str]:
    for each in pipeline.differences:
        place = " / ".join(code(part) for part in (each.stage, each.action) if part)
        values = (
            f": {code(each.old) or 'nothing'} → {code(each.new) or 'nothing'}" if view.has_short_values(each) else ""
        )
        yield f"- {place or 'pipeline'}: {prose(each.what)}{values}"
    if pipeline.self_mutates:
        restarts = ", and the run starts anew with the new definition" if pipeline.restarts else ""
        yield f"- This push updates the pipeline before it deploys{restarts}."
    if not pipeline.rollback_available:
        yield "- A stage cannot roll back to the run before this one: the pipeline's structure was another."
    for name, stages in (("before", pipeline.before), ("after", pipeline.after)):
        yield f"- {name}: {' → '.join(code(stage.name) for stage in stages) or 'none'}"


def _section(section: Section) -> Iterator[str]:
    for new in section.new:
        yield "\n".join([f"- **{prose(new.title)}**: {new.summary}", *_grants(new)])
    for stack in section.stacks:
        yield _stack(stack)
    for rated in section.rows:
        yield _row(rated)
    for access in section.access:
        each = access.first
        flags = [name for name in ("public", "world", "admin", "wildcard") if getattr(each, name)]
        marked = f" **{', '.join(flags)}**" if flags else ""
        name = code(each.path or each.logical_id)
        kind = f"access {each.direction.value} ({each.kind.value})"
        yield f"- {kind} {name}{_in(access.stages)}{marked}: {_lines(each.evidence)}"
    for guardrail in section.guardrails:
        change = guardrail.first
        said = f": {_lines(change.text)}" if change.text else ""
        until = f" ({prose(change.owner)}, until {prose(change.expires)})" if change.owner else ""
        name = f"{code(change.rule)} {code(change.path)}"
        yield f"- {change.kind} {change.state} {name}{_in(guardrail.stages)}{until}{said}"
    if section.gone:
        yield f"- {view.gone(section)}"
    for asset in section.assets:
        yield f"- {prose(asset.first.kind)} changed {code(asset.first.path)}{_in(asset.stages)}"
    if section.noise:
        reasons = sorted({row.first.noise for row in section.noise})
        yield f"- folded: {counted_noun(len(section.noise), 'row')} ({prose(', '.join(reasons))})"


def _grants(new: NewService) -> Iterator[str]:
    for grant in view.shared(new.grants):
        each = grant.first
        place = f"({each.kind.value}){_in(grant.stages)}"
        yield f"  - {code(each.path or each.logical_id)} {place}: {_lines(each.evidence)}"
    for decided in view.shared(new.decided):
        name = f"{code(decided.first.rule)} {code(decided.first.path)}"
        yield f"  - {name}{_in(decided.stages)}: {_lines(decided.first.text)}"


def _stack(stack: StackChange) -> str:
    places = [
        f"{code(each.name)} {prose(each.account)} {prose(each.region)}" for each in (stack.before, stack.after) if each
    ]
    data = f", with data in {', '.join(map(code, stack.stateful))}" if stack.stateful else ""
    count = counted_noun(stack.resources, "resource")
    return f"- stack {view.WORDS[stack.outcome]}{_in([stack.stage])}: {' → '.join(places)}, {count}{data}"


def _row(rated: Rated) -> str:
    row, change = rated.row, rated.row.first
    flags = view.flags(change)
    marked = f" **{', '.join(flags)}**" if flags else ""
    risk = f" {rated.risk.value}" if rated.risk is not Level.NONE else ""
    name = code(change.path or change.logical_id)
    pair = f", the other half of {code(change.paired_with)}" if change.paired_with else ""
    cause = f", because of {code(change.cause)}" if change.cause else ""
    lines = [
        f"- **{view.WORDS[change.outcome]}**{risk} {name} {code(change.type)}{_in(row.stages)}{marked}{pair}{cause}"
    ]
    lines += _properties(row)
    return "\n".join(lines)


def _properties(row: Row) -> Iterator[str]:
    for each in row.properties:
        sources = f" ({prose('; '.join(each.sources))})" if each.sources else ""
        name = f"{code(each.path)}{view.in_entries(each)}"
        yield from (f"  - {name}{_in(stages)}{_part(part)}{sources}" for stages, part in each.parts)


def _part(part: Part) -> str:
    label = f", {code(shortened(part.label, LONGEST_VALUE))}" if part.label else ""
    if isinstance(part, Replaced):
        given = zip((part.old, part.new), sides(part.old, part.new, LONGEST_VALUE), strict=True)
        return f"{label}: {' → '.join('nothing' if each is None else code(text) for each, text in given)}"
    return f"{label}: {'; '.join(f'{verb} {code(listed)}' for verb, listed in view.entries(part, LONGEST_VALUE))}"


def _in(stages: Sequence[str]) -> str:
    named = [stage for stage in stages if stage]
    return f" in {prose(', '.join(named))}" if named else ""


def _lines(text: str) -> str:
    """Several lines within one point of a list."""
    return "  \n  ".join(map(prose, text.strip().splitlines()))


def _pointer(pointer: str) -> str:
    return f"The full review: {pointer}"


def _rest(review: Review, *, pointer: str) -> str:
    counts = view.counted_levels(review.findings) or "none"
    where = "it is in the full review" if pointer else "`penstock review --format html` shows all of it"
    return (
        f"\n\nShortened to this host's limit: {where}. Findings in all: {len(review.findings)} ({counts} not accepted)."
    )
