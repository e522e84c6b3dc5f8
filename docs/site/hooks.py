"""What mkdocs.yml cannot say: folders in the navigation, pages that a company took out, links out, and drawings."""

import re
import shutil
import sys
from html import escape
from pathlib import Path
from typing import Any

PAGES = Path(__file__).parents[1]
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)]*)?\)")
DRAWING = re.compile(r"^```mermaid\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SCRIPTS = {
    "assets/javascripts/mermaid.js": "@mermaid-js/tiny/dist/mermaid.tiny.js",
    "assets/javascripts/iframe-worker.js": "iframe-worker/shim/index.js",
}
"""Where the site has it -> which file of a Node package it is. Material would fetch both from another host."""
MERMAID, IFRAME_WORKER = SCRIPTS
CLOSE = '%%{init: {"flowchart": {"nodeSpacing": 20, "rankSpacing": 35}}}%%'
"""A page is narrower than what Mermaid draws by itself."""
READABLE = """\
<script>
  {
    const render = mermaid.render
    mermaid.render = async (...given) => {
      const drawn = await render(...given)
      const svg = drawn.svg.replace(/max-width: ([\\d.]+px)/, "$&; min-width: calc($1 * 0.6)")
      return { ...drawn, svg }
    }
  }
</script>
"""
"""A drawing is made to fit the page, but not smaller than can be read: then it is scrolled."""


def on_config(config: Any) -> Any:
    """Complete the navigation by what is there."""
    config["nav"] = [each for each in map(_there, config["nav"]) if each]
    return config


def on_post_build(*, config: Any) -> None:
    """Put beside the pages what they run in a browser."""
    packages = Path(sys.prefix) / "node/node_modules"
    for there, file in SCRIPTS.items():
        shutil.copyfile(packages / file, Path(config["site_dir"]) / there)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Take links to what is no page for their text: a file of the repository, or a folder of pages. Draw drawings."""
    folder = (PAGES / page.file.src_uri).parent

    def kept(match: re.Match[str]) -> str:
        target = (folder / match["target"]).resolve()
        is_page = target.suffix == ".md" and target.is_relative_to(PAGES)
        return match[0] if "://" in match["target"] or is_page else match["text"]

    text, drawings = DRAWING.subn(_drawing, LINK.sub(kept, markdown))
    if not drawings:
        return text
    # Before Material's own script, which runs at the page's end and would fetch what is not there by then.
    return f'{text}\n\n<script src="{"../" * page.file.src_uri.count("/")}{MERMAID}"></script>\n{READABLE}'


def _drawing(drawing: re.Match[str]) -> str:
    """Return a drawing as Material wants it, in a box of its own; its text is what is read where no script runs."""
    text = escape(f"{CLOSE}\n{drawing['text']}")
    return f'<div style="overflow-x: auto"><pre class="mermaid"><code>{text}</code></pre></div>'


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
