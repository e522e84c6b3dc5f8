"""The site, built and opened in a browser at the sizes of a desk and of a phone: no error, and its search finds.

Over HTTP, and from its folder.
"""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from pipeline.review.render.tests.browser import Tab
from pipeline.review.render.tests.browser import chromium as tab_of_chromium
from pipeline.toolset import docs
from tests.conftest import ROOT, clean_environment

pytestmark = pytest.mark.soak
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
PAGES = ("index.html", "first-day.html", "decisions/0059-an-upgrade-is-a-merge.html")
DRAWINGS = {"architecture.html": 2, "push.html": 1, "add-a-service.html": 1, "local-cloud.html": 1}
ELSEWHERE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""Whatever a page wants from another host, it does not get."""
SAID = re.compile(r"^\[[^\]]*:CONSOLE[^\]]*\] (.*)$", re.MULTILINE)
SEEN_SECONDS = 60
FRAME = """<!doctype html>
<link rel="icon" href="data:,">
<iframe style="width: {width}px; height: {height}px; border: 0" src="{page}"></iframe>
<script>
  const frame = document.querySelector("iframe");
  let asked = 0;
  const seen = () => {{
    const page = frame.contentDocument;
    const found = [...page.querySelectorAll(".md-search-result__link")].map(each => each.getAttribute("href"));
    const waits = ({wants_results} && !found.length) || page.querySelector("pre.mermaid");
    if (waits && asked++ < 100) return setTimeout(seen, 50);
    const root = page.documentElement;
    const text = page.querySelector(".md-content").innerText;
    const fetched = frame.contentWindow.performance.getEntriesByType("resource").map(each => each.name);
    const size = {{width: root.scrollWidth, room: root.clientWidth}};
    const drawn = [...page.querySelectorAll("div.mermaid")].map(each => each.offsetHeight);
    fetch("/seen", {{method: "POST", body: JSON.stringify({{found, text, fetched, drawn, ...size}})}});
  }};
  frame.addEventListener("load", () => setTimeout(seen, 500));
</script>
"""
"""What a person would see of a page of the site in a window of that size, told to the server."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The site, served on loopback."""

    address: str
    seen: "Queue[dict[str, Any]]" = field(default_factory=Queue)


class Pages(SimpleHTTPRequestHandler):
    """Serves the site, and takes what was seen of it."""

    def __init__(self, *arguments: Any, seen: "Queue[dict[str, Any]]", **named: Any) -> None:
        self.seen = seen
        super().__init__(*arguments, **named)

    def do_POST(self) -> None:
        self.seen.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        """Say nothing of each request."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("site")
    build = (docs.install(ROOT, print) / "bin/mkdocs", "build", "--quiet", "--strict", "--site-dir", made)
    subprocess.run(build, cwd=ROOT, env={**clean_environment(), "NO_MKDOCS_2_WARNING": "1"}, check=True)
    return made


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    seen: Queue[dict[str, Any]] = Queue()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, seen=seen, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(address=f"http://127.0.0.1:{server.server_port}", seen=seen)
        server.shutdown()


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium: `apt-get install chromium`")
    return found


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A browser without a window, anew for each page."""

    program: str
    site: Site
    folder: Path
    """The site's, where the frame around a page is put."""
    profile: Path

    def open(self, page: str, size: str, *, wants_results: bool = False) -> dict[str, Any]:
        """Return what is seen of a page once its scripts have run, and under `console` what they complained of."""
        width, height = SIZES[size]
        text = FRAME.format(page=page, width=width, height=height, wants_results=json.dumps(wants_results))
        (self.folder / "frame.html").write_text(text, encoding="utf-8")
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr")
        chosen = (f"--user-data-dir={self.profile}", f"--host-resolver-rules={ELSEWHERE}", "--remote-debugging-port=0")
        command = [self.program, *options, *chosen, f"{self.site.address}/frame.html"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as browser:
            try:
                seen = self.site.seen.get(timeout=SEEN_SECONDS)
            finally:
                browser.terminate()
            _, said = browser.communicate()
        return {**seen, "console": SAID.findall(said)}


@pytest.fixture
def browser(chromium: str, site: Site, folder: Path, tmp_path: Path) -> Browser:
    return Browser(program=chromium, site=site, folder=folder, profile=tmp_path)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("page", [*PAGES, *DRAWINGS])
def test_page_opens_without_an_error_and_is_no_wider_than_the_window(browser: Browser, page: str, size: str) -> None:
    seen = browser.open(page, size)
    assert len(seen["text"]) > 500
    assert seen["console"] == []
    assert [each for each in seen["fetched"] if not each.startswith(f"{browser.site.address}/")] == []
    assert seen["width"] <= seen["room"]
    assert len([height for height in seen["drawn"] if height > 100]) == DRAWINGS.get(page, 0)


@pytest.fixture(scope="module")
def tab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab_of_chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def wait_for(tab: Tab, expression: str) -> None:
    """Return once an expression is true in the page, or after a while."""
    tab.run(
        f"new Promise(done => {{ let asked = 0; const ask = () => ({expression}) || asked++ > 100 ? done(true)"
        " : setTimeout(ask, 50); ask(); })"
    )


@pytest.mark.parametrize("dark", [False, True])
def test_drawings_are_drawn_from_a_folder_too(folder: Path, tab: Tab, dark: bool) -> None:
    for page, drawings in DRAWINGS.items():
        tab.open(folder / page, dark=dark)
        wait_for(tab, "!document.querySelector('pre.mermaid')")
        assert tab.run("document.querySelectorAll('div.mermaid').length") == drawings
        assert tab.complaints() == []
        assert [each for each in tab.requests() if not each.startswith(("file://", "data:"))] == []


def test_search_finds_a_page_from_a_folder_too(folder: Path, tab: Tab) -> None:
    tab.open(folder / "index.html")
    tab.run(
        "(() => { document.querySelector('#__search').click(); const query = document.querySelector('[name=query]');"
        " query.focus(); query.value = 'tombstone'; query.dispatchEvent(new Event('keyup', {bubbles: true})); })()"
    )
    wait_for(tab, "document.querySelector('.md-search-result__link')")
    found = tab.run("[...document.querySelectorAll('.md-search-result__link')].map(each => each.href)")
    assert any("remove.html" in each for each in found), found
    assert tab.complaints() == []


@pytest.mark.parametrize("size", SIZES)
def test_search_finds_a_page(browser: Browser, size: str) -> None:
    seen = browser.open("index.html?q=tombstone", size, wants_results=True)
    assert any("remove.html" in each for each in seen["found"]), seen["found"]
    assert seen["console"] == []


def test_errors_other_hosts_and_wide_pages_are_seen(browser: Browser, folder: Path) -> None:
    page = folder / "wrong.html"
    wide = '<p class="md-content" style="width: 500px">x</p>'
    page.write_text(f"{wide}<script src='https://example.com/x.js'></script><script>nowhere()</script>")
    seen = browser.open("wrong.html", "phone")
    assert "nowhere is not defined" in "".join(seen["console"])
    assert seen["fetched"] == ["https://example.com/x.js"]
    assert seen["width"] > seen["room"]
