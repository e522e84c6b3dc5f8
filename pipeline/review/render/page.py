"""The review as one HTML file: nothing is fetched, nothing runs but the filter, whatever the review's texts say."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.review.model import (
    AccessChange,
    Finding,
    GuardrailChange,
    Level,
    ResourceOutcome,
    Review,
    StackChange,
    Verdict,
)
from pipeline.review.render import lanes, sides, view
from pipeline.review.render.escape import markup
from pipeline.review.render.new_services import NewService, is_folded
from pipeline.review.render.view import Rated, Section, Shared
from pipeline.review.render.words import counted_noun

HERE = Path(__file__).parent
SIGNS = {Verdict.PASS: "✓", Verdict.BLOCKED: "✕", Verdict.INCOMPLETE: "?"}
WEIGHTS = {
    ResourceOutcome.DESTROY: Level.HIGH,
    ResourceOutcome.REPLACE: Level.HIGH,
    ResourceOutcome.WILL_FAIL: Level.HIGH,
    ResourceOutcome.MAY_REPLACE: Level.MEDIUM,
    ResourceOutcome.ORPHAN: Level.MEDIUM,
    ResourceOutcome.SNAPSHOT: Level.MEDIUM,
    ResourceOutcome.CREATE: Level.LOW,
}
"""The colour of an outcome; the risk is the findings' alone."""


def render(review: Review) -> str:
    """Return the page. Its policy lets only this style and this script through, and no address at all."""
    style, script = (HERE / "page.css").read_text(), (HERE / "page.js").read_text()
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    parts = view.sections(review)
    tone = "unchanged" if review.is_empty and review.verdict is Verdict.PASS else review.verdict.value
    body = [
        *_header(review, tone, parts),
        *_filters(review, parts),
        "<main>",
        *_findings(review),
        *lanes.drawn(review.pipeline),
        *_sections(parts),
        "<footer>Made by <code>penstock review</code>. docs/review.md says how to read it.</footer>",
        "</main>",
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            '<link rel="icon" href="data:,">',
            f"<title>{markup(view.headline(review))}</title>",
            f"<style>{style}</style></head><body>",
            *body,
            f"<script>{script}</script></body></html>\n",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _header(review: Review, tone: str, parts: Sequence[Section]) -> Iterator[str]:
    sign = "=" if tone == "unchanged" else SIGNS[review.verdict]
    yield f'<header class="{tone}"><div>'
    yield f'<div class="verdict"><span class="sign" aria-hidden="true">{sign}</span><div>'
    yield f"<h1>{markup(view.headline(review))}</h1>"
    base, head = (markup(each) or "nothing" for each in (review.base, review.head))
    yield f'<p class="compared"><code>{base}</code> → <code>{head}</code>, blocked from {review.fail_on.value} on</p>'
    yield "</div></div>"
    if review.incomplete:
        gaps = "".join(f"<li>{markup(each)}</li>" for each in review.incomplete)
        yield f'<ul class="gaps" aria-label="Could not be reviewed">{gaps}</ul>'
    if said := view.way_back(review):
        yield f'<p class="compared">{markup(said)}</p>'
    if review.irreversible:
        reasons = "".join(f"<li>{markup(each)}</li>" for each in review.irreversible)
        yield f'<ul class="gaps" aria-label="Why it cannot be taken back">{reasons}</ul>'
    counts = [
        (len(review.findings), "finding"),
        (sum(len(each.rows) for each in parts), "change"),
        (sum(len(each.access) for each in parts), "access change"),
        (len(review.stacks), "stack"),
        (sum(len(each.noise) for each in parts), "folded row"),
    ]
    shown = (
        f'<span class="count"><b>{number}</b>{noun}{"" if number == 1 else "s"}</span>'
        for number, noun in counts
        if number
    )
    yield f'<div class="counts">{"".join(shown)}</div>'
    yield "</div></header>"


def _filters(review: Review, parts: Sequence[Section]) -> Iterator[str]:
    services = sorted({each.service for each in parts} | {each.service for each in review.findings})
    stages = [*review.stages, *(stage for part in parts for stage in part.stages)]
    levels = [
        (level.rank, f"{level.value} and above" if level is not Level.CRITICAL else "critical") for level in Level
    ]
    yield f"<nav{' hidden' if review.is_empty else ''}><div>"
    yield _select("service", "Service", [("", "all"), *((each, each or "template") for each in services)])
    yield _select("stage", "Environment", [("", "all"), *((each, each) for each in dict.fromkeys(stages))])
    yield _select("risk", "Risk", [(str(rank), "all" if rank == 0 else words) for rank, words in levels])
    yield '<label class="check"><input type="checkbox" id="noise">folded rows</label>'
    yield '<span id="shown" role="status"></span></div></nav>'


def _select(name: str, label: str, options: Iterable[tuple[str, str]]) -> str:
    shown = "".join(f'<option value="{markup(given)}">{markup(words)}</option>' for given, words in options)
    return f'<label>{label}<select id="{name}">{shown}</select></label>'


def _findings(review: Review) -> Iterator[str]:
    if not review.findings:
        return
    yield "<section data-group><h2>Findings</h2>"
    yield from _cards(view.in_front(review))
    if folded := view.folded(review):
        yield f'<details class="card folded"><summary>{folded}</summary>'
        yield from _cards([each for each in review.findings if is_folded(each, review)])
        yield "</details>"
    yield "</section>"


def _cards(findings: Iterable[Finding]) -> Iterator[str]:
    for each in findings:
        accepted = " accepted" if each.acknowledged else ""
        risk = Level.NONE if each.acknowledged else each.level
        yield f'<article class="card finding {each.level.value}{accepted}"{_data(each.service, each.stages, risk)}>'
        yield f'<div class="line"><span class="badge solid">{each.level.value}</span>'
        yield f'<span class="name">{markup(each.service)}</span><code>{markup(each.path or each.logical_id)}</code>'
        yield f'{_stages(each.stages)}<span class="faint">{markup(each.rule)}</span></div>'
        yield f'<p class="said">{markup(each.evidence)}</p>'
        if each.advice:
            yield f'<p class="advice"><b>Instead:</b> {markup(each.advice)}</p>'
        if each.accept:
            yield f'<p class="advice"><b>To accept:</b> {markup(each.accept)}</p>'
        if each.acknowledged:
            yield f'<p class="advice"><b>Accepted:</b> {markup(each.acknowledged)}</p>'
        yield "</article>"


def _sections(parts: Sequence[Section]) -> Iterator[str]:
    if parts:
        yield "<h2>Changes by service</h2>"
    for part in parts:
        risk = f'<span class="badge {part.risk.value}">{part.risk.value}</span>' if part.risk is not Level.NONE else ""
        yield '<details class="service" data-group open><summary>'
        yield f'<b>{markup(part.service) or "template"}</b>{risk}<span class="faint">{part.summary}</span>'
        yield f"{_stages(part.stages)}</summary><div>"
        yield from _group("Stacks", (*map(_new, part.new), *map(_stack, part.stacks)))
        yield from _group("Resources", (_row(each) for each in part.rows))
        yield from _group("Access", _access(part))
        yield from _group("Guardrails, acknowledgements and overrides", _guardrails(part))
        yield from _group("Assets", _assets(part))
        if part.gone:
            yield f'<p class="faint">{view.gone(part)}</p>'
        yield from _group("Folded", (_row(Rated(row=row, risk=Level.NONE)) for row in part.noise))
        yield "</div></details>"


def _group(title: str, items: Iterable[str]) -> Iterator[str]:
    shown = list(items)
    if shown:
        yield f"<section data-group><h3>{title}</h3>"
        yield from shown
        yield "</section>"


def _new(new: NewService) -> str:
    names = ", ".join(f"<code>{markup(stack.after.name)}</code>" for stack in new.stacks if stack.after)
    listed = "".join((*map(_grant, view.shared(new.grants)), *map(_decided, view.shared(new.decided))))
    return (
        f'<details class="item"{_data(new.first.service, new.stages, Level.NONE)}><summary class="line">'
        f"{_badge('promoted' if new.first.is_promotion else 'new', Level.LOW)}{_name(new.title)}"
        f'<span class="faint">{new.summary}</span></summary><p class="faint">{names}</p>{listed}</details>'
    )


def _grant(grant: Shared[AccessChange]) -> str:
    each = grant.first
    return (
        f'<div class="grant"><div class="line">{_name(each.path or each.logical_id)}'
        f'<span class="faint">{each.kind.value}</span>{_stages(grant.stages)}</div>'
        f'<p class="evidence">{markup(each.evidence)}</p></div>'
    )


def _decided(decided: Shared[GuardrailChange]) -> str:
    each = decided.first
    return (
        f'<div class="grant"><div class="line">{_name(each.path)}<span class="faint">{markup(each.rule)}</span>'
        f'{_stages(decided.stages)}</div><p class="evidence">{markup(each.text)}</p></div>'
    )


def _stack(stack: StackChange) -> str:
    places = " → ".join(
        f'<code>{markup(each.name)}</code> <span class="faint">{markup(each.account)} {markup(each.region)}</span>'
        for each in (stack.before, stack.after)
        if each
    )
    data = f"<p>It holds data: <code>{markup(', '.join(stack.stateful))}</code></p>" if stack.stateful else ""
    return (
        f'<div class="item"{_data(stack.service, [stack.stage], Level.NONE)}><div class="line">'
        f"{_outcome(stack.outcome)}<span>{places}</span>{_stages([stack.stage])}"
        f'<span class="faint">{counted_noun(stack.resources, "resource")}</span></div>{data}</div>'
    )


def _row(rated: Rated) -> str:
    change = rated.row.first
    flags = [
        _badge(words, Level.CRITICAL) if words == "data lost" else _badge(words, Level.HIGH)
        for words in view.flags(change)
    ]
    notes = [
        f"{words} <code>{markup(given)}</code>"
        for words, given in (("other half of", change.paired_with), ("because of", change.cause))
        if given
    ]
    if change.points_at:
        notes.append(f"points at the account of {markup(', '.join(change.points_at))}")
    if change.noise:
        notes.append(markup(change.noise))
    noise = " data-noise" if change.noise else ""
    return (
        f'<div class="item"{_data(change.service, rated.row.stages, rated.risk)}{noise}><div class="line">'
        f"{_outcome(change.outcome)}{_name(change.path or change.logical_id)}"
        f'<code class="faint">{markup(change.type)}</code>{"".join(flags)}{_stages(rated.row.stages)}'
        f'<span class="faint">{"; ".join(notes)}</span></div>'
        f"{''.join(sides.drawn(each) for each in rated.row.properties)}</div>"
    )


def _access(part: Section) -> Iterator[str]:
    for shared in part.access:
        each = shared.first
        flags = [name for name in ("public", "world", "admin", "wildcard") if getattr(each, name)]
        level = Level.CRITICAL if each.admin else Level.HIGH if flags else Level.NONE
        badges = "".join(_badge(name, level) for name in flags)
        tone = {"broadened": Level.MEDIUM, "unknown": Level.MEDIUM, "changed": Level.MEDIUM}.get(each.direction.value)
        yield (
            f'<div class="item"{_data(each.service, shared.stages, level)}><div class="line">'
            f"{_badge(each.direction.value, tone or Level.NONE)}{_name(each.path or each.logical_id)}"
            f'<span class="faint">{each.kind.value}</span>{badges}{_stages(shared.stages)}</div>'
            f'<p class="evidence">{markup(each.evidence)}</p></div>'
        )


def _guardrails(part: Section) -> Iterator[str]:
    for shared in part.guardrails:
        each = shared.first
        owner = f'<span class="faint">{markup(each.owner)}, until {markup(each.expires)}</span>' if each.owner else ""
        yield (
            f'<div class="item"{_data(each.service, shared.stages, Level.NONE)}><div class="line">'
            f"{_badge(f'{each.kind} {each.state}', Level.NONE)}<code>{markup(each.rule)}</code>"
            f"{_name(each.path)}{_stages(shared.stages)}{owner}</div>"
            f'<p class="evidence">{markup(each.text)}</p></div>'
        )


def _assets(part: Section) -> Iterator[str]:
    for shared in part.assets:
        each = shared.first
        yield (
            f'<div class="item"{_data(each.service, shared.stages, Level.NONE)}><div class="line">'
            f"{_badge(f'{each.kind} changed', Level.NONE)}{_name(each.path)}{_stages(shared.stages)}"
            f'<code class="faint">{markup(each.old[:12]) or "none"} → {markup(each.new[:12]) or "none"}</code>'
            "</div></div>"
        )


def _data(service: str, stages: Iterable[str], risk: Level) -> str:
    listed = json.dumps([stage for stage in stages if stage])
    return f' data-service="{markup(service)}" data-stages="{markup(listed)}" data-risk="{risk.rank}"'


def _outcome(outcome: ResourceOutcome) -> str:
    return _badge(view.WORDS[outcome], WEIGHTS.get(outcome, Level.NONE))


def _badge(words: str, level: Level) -> str:
    return f'<span class="badge {level.value}">{markup(words)}</span>'


def _name(text: str) -> str:
    return f'<span class="name">{markup(text)}</span>'


def _stages(stages: Iterable[str]) -> str:
    return "".join(f'<span class="stage">{markup(stage)}</span>' for stage in stages if stage)
