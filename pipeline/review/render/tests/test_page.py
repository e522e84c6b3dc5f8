"""The page in a real browser."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.review.model import Review
from pipeline.review.render import page
from pipeline.review.render.tests import browser, reviews
from pipeline.review.render.tests.browser import Tab

VISIBLE = "[...document.querySelectorAll('[data-risk]')].filter((each) => !each.hidden)"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    if browser.executable() is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    with browser.chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def shown(tab: Tab, review: Review, folder: Path, *, width: int = 1280, dark: bool = False) -> Path:
    file = folder / "review.html"
    file.write_text(page.render(review))
    tab.open(file, width=width, dark=dark)
    return file


@pytest.mark.parametrize("review", [reviews.usual(), reviews.hostile(), reviews.EMPTY, reviews.UNREAD])
def test_the_page_complains_of_nothing_and_asks_for_nothing(tab: Tab, review: Review, tmp_path: Path) -> None:
    file = shown(tab, review, tmp_path)
    assert tab.complaints() == []
    assert [address for address in tab.requests() if not address.startswith("data:")] == [file.as_uri()]


def test_each_filter_leaves_what_fits_and_counts_it(tab: Tab, tmp_path: Path) -> None:
    shown(tab, reviews.usual(), tmp_path)
    every = tab.run(f"{VISIBLE}.length")
    total = tab.run("document.querySelectorAll('[data-risk]').length")
    assert every == total - 1, "folded rows are hidden until they are asked for"
    tab.choose("service", "ingest")
    assert set(tab.run(f"{VISIBLE}.map((each) => each.dataset.service)")) == {"ingest"}
    assert tab.run("document.getElementById('shown').textContent") == f"{tab.run(f'{VISIBLE}.length')} of {total} shown"
    groups = "[...document.querySelectorAll('details.service')].filter((each) => !each.hidden).length"
    assert tab.run(groups) == 1, "a service without anything that fits is not shown at all"
    tab.choose("service", "")
    tab.choose("stage", "prod")
    listed = tab.run(f"{VISIBLE}.map((each) => each.dataset.stages)")
    assert listed
    assert all("prod" in json.loads(stages) for stages in listed)
    tab.choose("stage", "")
    tab.choose("risk", "4")
    assert {int(rank) for rank in tab.run(f"{VISIBLE}.map((each) => each.dataset.risk)")} == {4}
    tab.choose("risk", "0")
    tab.run("document.getElementById('noise').click()")
    assert tab.run(f"{VISIBLE}.length") == total


@pytest.mark.parametrize("review", [reviews.usual(), reviews.hostile()])
def test_a_phone_never_scrolls_sideways(tab: Tab, review: Review, tmp_path: Path) -> None:
    shown(tab, review, tmp_path, width=390)
    assert tab.run("document.documentElement.scrollWidth") <= 390


def test_dark_and_light_follow_the_readers_setting(tab: Tab, tmp_path: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    shown(tab, reviews.usual(), tmp_path)
    light = tab.run(colour)
    shown(tab, reviews.usual(), tmp_path, dark=True)
    assert (light, tab.run(colour)) == ("rgb(246, 247, 249)", "rgb(18, 21, 27)")


def test_hostile_text_is_shown_and_is_no_markup(tab: Tab, tmp_path: Path) -> None:
    shown(tab, reviews.hostile(), tmp_path)
    assert tab.run("document.querySelectorAll('script').length") == 1
    assert tab.run("document.querySelectorAll('img, a, iframe, object, form').length") == 0
    text = tab.run("document.body.textContent")
    assert "</details></summary>|<script>alert(1)</script>" in text
    assert "⟨U+202E⟩gnp.exe" in text
    assert "\u202e" not in tab.run("document.documentElement.outerHTML")


def test_the_pages_policy_stops_a_script_that_is_not_its_own(tab: Tab, tmp_path: Path) -> None:
    shown(tab, reviews.usual(), tmp_path)
    tab.run(
        "(() => { const made = document.createElement('script'); made.textContent = 'window.ran = true';"
        " document.body.append(made); })()"
    )
    assert tab.run("window.ran") is None
    assert any("Content Security Policy" in complaint for complaint in tab.complaints())


def test_the_pages_policy_lets_no_address_be_asked_for(tab: Tab, tmp_path: Path) -> None:
    shown(tab, reviews.usual(), tmp_path)
    stopped = tab.run(
        "new Promise((resolve) => {"
        " document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));"
        " fetch('http://127.0.0.1:9/').catch(() => setTimeout(() => resolve('it was asked for'), 500)); })"
    )
    assert stopped == "connect-src"


def test_the_pipeline_is_drawn_before_and_after(tab: Tab, tmp_path: Path) -> None:
    shown(tab, reviews.usual(), tmp_path)
    names = "[...lane.querySelectorAll('.box > b')].map((name) => name.textContent)"
    drawn = tab.run(f"[...document.querySelectorAll('.lane')].map((lane) => {names})")
    assert drawn == [["Build", "dev", "qa", "staging", "prod"]] * 2
    assert tab.run("[...document.querySelectorAll('li.was')].map((each) => each.textContent)") == ["Approve-prod"]
    assert tab.run("document.querySelectorAll('li.becomes').length") == 3


def test_stages_that_are_the_same_are_only_named_and_a_move_up_is_no_difference(tab: Tab, tmp_path: Path) -> None:
    shown(tab, reviews.usual(), tmp_path)
    build, prod = "document.querySelector('.lane .box')", "[...document.querySelectorAll('.lane .box')].at(-1)"
    assert tab.run(f"{build}.innerText") == "Build\n1 action"
    assert tab.run(f"[...{prod}.querySelectorAll('li')].map((each) => each.className)") == ["", "", ""]


def test_a_pipeline_of_the_same_shape_is_not_drawn(tab: Tab, tmp_path: Path) -> None:
    made = reviews.usual()
    shown(tab, replace(made, pipeline=replace(made.pipeline, after=made.pipeline.before)), tmp_path)
    assert tab.run("document.querySelectorAll('.lane').length") == 0
    assert "approval removed" in tab.run("document.body.textContent")


def test_a_new_service_unfolds(tab: Tab, tmp_path: Path) -> None:
    shown(tab, reviews.usual(), tmp_path)
    row = "document.querySelector('details.item')"
    assert tab.run(f"{row}.open") is False
    assert "new service enrichment in dev, qa, staging" in tab.run(f"{row}.querySelector('summary').textContent")
