"""One property, its old value beside its new one, with the lines that differ marked."""

import difflib
from collections.abc import Sequence

from pipeline.review.model import Json, ResourceOutcome
from pipeline.review.render import view
from pipeline.review.render.escape import markup, value
from pipeline.review.render.group_rows import RowProperty, Values

MOST_LINES = 2_000
"""Of one value, beyond which its lines are not compared with each other."""


def drawn(each: RowProperty) -> str:
    """Return the HTML of one property, for each set of environments that agree on its values."""
    replaces = f" · {view.WORDS[each.impact]}" if each.impact is not ResourceOutcome.UPDATE else ""
    sources = f'<span class="faint">{markup("; ".join(each.sources))}</span>' if each.sources else ""
    shown = [
        f'<div class="property"><p><code>{markup(each.path)}</code><span class="faint">{replaces}</span>{sources}</p>'
    ]
    for values in each.values:
        if len(each.values) > 1:
            stages = "".join(f'<span class="stage">{markup(stage)}</span> ' for stage in values.stages)
            shown.append(f'<p class="values">{stages}</p>')
        shown.append(_sides(values))
    return "".join(shown) + "</div>"


def _sides(values: Values) -> str:
    old, new = (_lines(given) for given in (values.old, values.new))
    kept_old, kept_new = _same(old, new)
    before = _marked(old, kept_old, "del") if values.old is not None else '<span class="absent">nothing</span>'
    after = _marked(new, kept_new, "ins") if values.new is not None else '<span class="absent">nothing</span>'
    return f'<div class="sides"><pre>{before}</pre><pre>{after}</pre></div>'


def _lines(given: Json) -> list[str]:
    return value(given, indent=2).split("\n") if given is not None else []


def _same(old: Sequence[str], new: Sequence[str]) -> tuple[set[int], set[int]]:
    """Positions of the lines that both have."""
    if max(len(old), len(new)) > MOST_LINES:
        return set(), set()
    blocks = difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_matching_blocks()
    return (
        {block.a + step for block in blocks for step in range(block.size)},
        {block.b + step for block in blocks for step in range(block.size)},
    )


def _marked(lines: Sequence[str], kept: set[int], tag: str) -> str:
    return "\n".join(
        markup(line) if at in kept else f"<{tag}>{markup(line) or ' '}</{tag}>" for at, line in enumerate(lines)
    )
