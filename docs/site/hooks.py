"""What mkdocs.yml cannot say: folders in the navigation, pages that a company took out, links out, and drawings."""

import re
from html import escape
from pathlib import Path
from typing import Any

PAGES = Path(__file__).parents[1]
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)]*)?\)")
DRAWING = re.compile(r"^```mermaid\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def on_config(config: Any) -> Any:
    """Complete the navigation by what is there."""
    config["nav"] = [each for each in map(_there, config["nav"]) if each]
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Take links to what is no page for their text: a file of the repository, or a folder of pages. Fold drawings."""
    folder = (PAGES / page.file.src_uri).parent

    def kept(match: re.Match[str]) -> str:
        target = (folder / match["target"]).resolve()
        is_page = target.suffix == ".md" and target.is_relative_to(PAGES)
        return match[0] if "://" in match["target"] or is_page else match["text"]

    return DRAWING.sub(_folded, LINK.sub(kept, markdown))


def _folded(drawing: re.Match[str]) -> str:
    """Return a drawing's text behind a line that opens it: what draws it would come from another host."""
    said = "A drawing, which a git host draws; here is its text"
    return f"<details><summary>{said}</summary><pre><code>{escape(drawing['text'])}</code></pre></details>"


def _there(item: Any) -> Any:
    """Return an item of the navigation with the pages that there are; None if there is none."""
    if isinstance(item, dict):
        ((title, inner),) = item.items()
        if isinstance(inner, list):
            found = [each for each in map(_there, inner) if each]
        else:
            found = _folder(inner) if inner.endswith("/") else _there(inner)
        return {title: found} if found else None
    return item if (PAGES / item).is_file() else None


def _folder(name: str) -> list[str]:
    """Return the pages of a folder, its own first."""
    pages = sorted(file.relative_to(PAGES).as_posix() for file in (PAGES / name).glob("*.md"))
    return sorted(pages, key=lambda page: not page.endswith("/README.md"))
