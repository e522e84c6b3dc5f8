"""Text of a pull request in documents of ours: it says what it says, and does nothing else.

Names and descriptions come from whoever opened the pull request. In a comment they must not mention a team, close a
fold, start a table or a command of the host; in a page they must not be markup; nowhere may they look like other text.
"""

import html
import json
import re
import unicodedata

from pipeline.review.model import Json

_DECEIVING = re.compile(
    "[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"  # direction, zero width
)
_PUNCTUATION = re.compile(r"[\\`*_{}\[\]()<>|~&$^!]")
_REFERENCE = re.compile(r"(@|(?<!&)#|%)(?=\w)")
"""What hosts link and notify: @team, #1, %milestone."""
_START = re.compile(r"^([-+=/:#]|\d+(?=[.)]))")
"""Lists, headings, rules, and the commands of GitLab, such as /approve."""
_BREAK = "\u200b"


def visible(text: str) -> str:
    """Return the text with every character that hides, reorders or controls shown by its code. Line ends stay."""
    return _DECEIVING.sub(_code, "".join(map(_shown, text)))


def flat(text: str) -> str:
    """Return the text, made visible, on one line."""
    return " ".join(visible(text).split())


def prose(text: str) -> str:
    """Return text for Markdown on one line, where it is not code."""
    escaped = _PUNCTUATION.sub(lambda found: f"\\{found[0]}", flat(text))
    return _START.sub(lambda found: _escaped_start(found[1]), _unlinked(escaped))


def code(text: str) -> str:
    """Return text for Markdown as code on one line. Hosts link and run nothing within code."""
    line = flat(text)
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{line}{space}{fence}" if line else ""


def inert_markup(text: str) -> str:
    """Return text for HTML within a comment, where the host still looks for what it links and notifies."""
    return _unlinked(markup(flat(text)))


def markup(text: str) -> str:
    """Return text for HTML, in an element or a quoted attribute."""
    return html.escape(visible(text), quote=True)


def value(given: Json, *, indent: int | None = None) -> str:
    """Return a value of a template as people write it: text as itself, anything else as JSON."""
    if isinstance(given, str):
        return given
    return json.dumps(given, indent=indent, ensure_ascii=False, sort_keys=False, default=str)


def shortened(text: str, most: int) -> str:
    """Return the text if it has at most that many characters, else its beginning."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _unlinked(text: str) -> str:
    broken = _REFERENCE.sub(lambda found: f"{found[1]}{_BREAK}", text)
    return broken.replace("://", f":{_BREAK}//").replace("www.", f"www{_BREAK}.")


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\n\t":
        return character
    if category == "Cs":
        return "\ufffd"
    return f"⟨U+{ord(character):04X}⟩" if category == "Cc" else character


def _code(found: re.Match[str]) -> str:
    return f"⟨U+{ord(found[0]):04X}⟩"


def _escaped_start(start: str) -> str:
    return f"{start}{_BREAK}" if start.isdigit() else f"\\{start}"
