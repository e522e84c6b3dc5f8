"""One property, its old value beside its new one, with what differs marked."""

import difflib
from collections.abc import Sequence

from pipeline.review.model import Json, ResourceOutcome
from pipeline.review.render import view
from pipeline.review.render.compared import Entries, Part, Replaced, cut, shared, why_alike
from pipeline.review.render.escape import flat, markup, value
from pipeline.review.render.group_rows import RowProperty
from services.library.cloudformation.policy_text import policy_text
from services.library.cloudformation.values import is_function

MOST_LINES = 2_000
"""Of one value, beyond which its lines are not compared with each other."""
MOST_BESIDE_NOTHING = 8
"""Lines of a value that comes or goes as a whole before they are folded."""
LONGEST_LINE = 400
"""Characters of a value of one line, beyond which it is cut around the difference."""


def drawn(each: RowProperty) -> str:
    """Return the HTML of one property, for each set of environments that agree on its values."""
    replaces = f" · {view.WORDS[each.impact]}" if each.impact is not ResourceOutcome.UPDATE else ""
    sources = f'<span class="faint">{markup("; ".join(each.sources))}</span>' if each.sources else ""
    name = f"<code>{markup(each.path)}</code>"
    shown = [
        f'<div class="property"><p>{name}<span class="faint">{view.in_entries(each)}{replaces}</span>{sources}</p>'
    ]
    shown += (_part(stages, part) for stages, part in each.parts)
    return "".join(shown) + "</div>"


def _part(stages: Sequence[str], part: Part) -> str:
    named = "".join(f'<span class="stage">{markup(stage)}</span> ' for stage in stages)
    title = f'<p class="values faint">{named}{markup(part.label)}</p>' if named or part.label else ""
    if isinstance(part, Replaced) and (part.old is None or part.new is None):
        lines = _lines(part.new if part.old is None else part.old)
        if len(lines) > MOST_BESIDE_NOTHING:
            return f"{title}{_whole(lines, is_new=part.old is None)}"
    before, after = _sides(part)
    return f'{title}<div class="sides"><pre>{before}</pre><pre>{after}</pre></div>'


def _whole(lines: Sequence[str], *, is_new: bool) -> str:
    """A long value that comes or goes as a whole: there is nothing to compare it with."""
    verb, tag = ("added", "ins") if is_new else ("removed", "del")
    return (
        f'<details class="whole"><summary class="faint">{verb}: {len(lines)} lines</summary>'
        f"<pre>{_marked(lines, set(), tag)}</pre></details>"
    )


def _sides(part: Part) -> tuple[str, str]:
    if isinstance(part, Entries):
        dropped, added = (_marked(listed, set(), tag) for listed, tag in ((part.dropped, "del"), (part.added, "ins")))
        return dropped or _absent("drops nothing"), added or _absent("adds nothing")
    old, new = (_lines(given) for given in (part.old, part.new))
    if old == new:
        return _marked(old, {*range(len(old))}, "del"), _absent(why_alike("\n".join(old), "\n".join(new)))
    if len(old) == len(new) == 1:
        return _within_line(old[0], new[0])
    kept_old, kept_new = _same(old, new)
    return (
        _marked(old, kept_old, "del") if part.old is not None else _absent("nothing"),
        _marked(new, kept_new, "ins") if part.new is not None else _absent("nothing"),
    )


def _within_line(old: str, new: str) -> tuple[str, str]:
    """Two values of one line each, with the characters marked that differ."""
    if flat(old) == flat(new):
        return markup(old), _absent(why_alike(old, new))
    before, after = (cut(each, *shared(old, new), LONGEST_LINE) for each in (old, new))
    start, end = shared(before, after)
    return _around(before, start, end, "del"), _around(after, start, end, "ins")


def _around(text: str, start: int, end: int, tag: str) -> str:
    """The text with what lies between its beginning and its end marked."""
    differs = markup(text[start : len(text) - end])
    marked = f'<{tag} class="part">{differs}</{tag}>' if differs else ""
    return f"{markup(text[:start])}{marked}{markup(text[len(text) - end :])}"


def _absent(words: str) -> str:
    return f'<span class="absent">{words}</span>'


def _lines(given: Json) -> list[str]:
    if is_function(given):
        return [policy_text(given)]
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
