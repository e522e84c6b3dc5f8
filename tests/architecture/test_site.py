"""The site of the pages has each of them in its navigation, once, and brings nothing from another host."""

import json
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


def test_drawings_are_drawn_by_a_script_of_the_sites_own() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="constructs/queue.md"))
    said = hooks.on_page_markdown("Before\n\n```mermaid\na[x<br/>y] --> b\n```\n\nAfter", page=page)
    assert said.startswith("Before\n\n<div")
    assert "\na[x&lt;br/&gt;y] --&gt; b\n</code></pre></div>\n\nAfter" in said
    assert '<script src="../assets/javascripts/mermaid.js"></script>\n<script>' in said
    assert "<script" not in hooks.on_page_markdown("No drawing", page=page)


def test_the_site_asks_no_other_host_for_anything() -> None:
    assert CONFIGURATION["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css", "repo_url"} & set(CONFIGURATION)
    assert CONFIGURATION["extra"] == {"polyfills": [hooks.IFRAME_WORKER]}
    assert CONFIGURATION["strict"] is True


def test_what_builds_the_site_is_locked_by_its_hash() -> None:
    wanted = (ROOT / "docs/site/requirements.in").read_text().split()
    locked = (ROOT / "docs/site/requirements.txt").read_text()
    assert all(f"{each} \\\n    --hash=sha256:" in locked for each in wanted)


def test_what_the_pages_run_is_locked_by_its_hash_and_by_no_host() -> None:
    wanted = json.loads((ROOT / "docs/site/package.json").read_text())["dependencies"]
    locked = json.loads((ROOT / "docs/site/package-lock.json").read_text())["packages"]
    found = {name.removeprefix("node_modules/"): each["version"] for name, each in locked.items() if name}
    assert found == wanted
    assert all(each["integrity"] and "resolved" not in each for name, each in locked.items() if name)
    assert all(any(file.startswith(f"{name}/") for name in wanted) for file in hooks.SCRIPTS.values())


def test_screenshot_shows_what_was_printed_in_its_colours() -> None:
    printed = "\x1b[1m<b>\x1b[0m \x1b[31mno\x1b[0m\r\n" + "x" * (screenshot.COLUMNS + 1) + "\n"
    made = ET.fromstring(screenshot.picture("a & b", printed))  # noqa: S314 - our own picture
    title, first, second, third = ["".join(each.itertext()) for each in made if each.tag.endswith("text")]
    assert (title, first, second, third) == ("a & b", "<b> no", "x" * screenshot.COLUMNS, "x")
    assert [each.get("class") for each in made.iter() if each.tag.endswith("tspan")] == ["bold", "red"]
