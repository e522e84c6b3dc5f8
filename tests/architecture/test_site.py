"""The site of the pages has each of them in its navigation, once, and brings nothing from another host."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from docs.site import hooks, screenshot
from tests.conftest import ROOT

CONFIGURATION: Any = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def pages(items: list[Any]) -> Iterator[str]:
    for item in items:
        if isinstance(item, str):
            yield item
        else:
            ((_, inner),) = item.items()
            yield from pages(inner if isinstance(inner, list) else [inner])


def test_navigation_has_every_page_once() -> None:
    there = [file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*.md")]
    listed = list(pages(hooks.on_config({"nav": CONFIGURATION["nav"]})["nav"]))
    assert sorted(listed) == sorted(there)


def test_navigation_leaves_out_what_is_not_there() -> None:
    found = hooks.on_config({"nav": ["index.md", "nowhere.md", {"Gone": ["nowhere.md"]}, {"Folder": "nowhere/"}]})
    assert found["nav"] == ["index.md"]


def test_links_out_of_the_pages_are_their_text_alone() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="constructs/queue.md"))
    given = "[a](../push.md#way), [b](../../README.md), [c](../runbooks/), [d](https://example.com), [e](#here)"
    said = "[a](../push.md#way), b, c, [d](https://example.com), [e](#here)"
    assert hooks.on_page_markdown(given, page=page) == said


def test_drawings_are_folded_with_their_text() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="push.md"))
    said = hooks.on_page_markdown("Before\n\n```mermaid\na[x<br/>y] --> b\n```\n\nAfter", page=page)
    assert said.startswith("Before\n\n<details><summary>")
    assert said.endswith("<pre><code>a[x&lt;br/&gt;y] --&gt; b\n</code></pre></details>\n\nAfter")


def test_the_site_asks_no_other_host_for_anything() -> None:
    assert CONFIGURATION["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css", "repo_url", "extra"} & set(CONFIGURATION)
    assert (
        CONFIGURATION["markdown_extensions"].count("pymdownx.superfences") == 1
    )  # without Mermaid's, which is fetched
    assert CONFIGURATION["strict"] is True


def test_what_builds_the_site_is_locked_by_its_hash() -> None:
    wanted = (ROOT / "docs/site/requirements.in").read_text().split()
    locked = (ROOT / "docs/site/requirements.txt").read_text()
    assert all(f"{each} \\\n    --hash=sha256:" in locked for each in wanted)


def test_screenshot_shows_what_was_printed_in_its_colours() -> None:
    printed = "\x1b[1m<b>\x1b[0m \x1b[31mno\x1b[0m\r\n" + "x" * (screenshot.COLUMNS + 1) + "\n"
    made = ET.fromstring(screenshot.picture("a & b", printed))  # noqa: S314 - our own picture
    title, first, second, third = ["".join(each.itertext()) for each in made if each.tag.endswith("text")]
    assert (title, first, second, third) == ("a & b", "<b> no", "x" * screenshot.COLUMNS, "x")
    assert [each.get("class") for each in made.iter() if each.tag.endswith("tspan")] == ["bold", "red"]
