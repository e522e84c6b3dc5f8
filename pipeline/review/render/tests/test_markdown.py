"""Comments: what comes first, what a host's limit leaves, and what hostile text may not do."""

import html
import re
from dataclasses import replace

import pytest

from pipeline.review.model import Review, Verdict
from pipeline.review.render import data, markdown, terminal
from pipeline.review.render.escape import code, prose, visible
from pipeline.review.render.markdown import HOSTS, MARKER, Host
from pipeline.review.render.tests import reviews

POINTER = "https://ci.example/review.html"


def size(text: str) -> int:
    return len(text.encode())


def test_the_verdict_and_the_findings_come_before_everything_else() -> None:
    text = markdown.render(reviews.usual())
    places = [text.index(part) for part in (MARKER, "## ⛔ Blocked: 2 critical, 1 high", "### Findings", "<details>")]
    assert places == sorted(places)
    assert "every submission stored in dev, qa, staging and prod would be lost" in text[: places[-1]]
    assert "*Instead:* Add the new table beside the old one" in text[: places[-1]]
    assert "Accepted: The stream is empty until the migration of March has run." in text[: places[-1]]


def test_each_service_has_one_fold_with_each_environments_values() -> None:
    text = markdown.render(reviews.usual())
    assert re.findall(r"<summary>(\w+)", text) == ["The", "intake", "enrichment", "ingest"]
    assert text.count("<details>") == text.count("</details>") == 4
    assert "`MemorySize` in dev, qa, staging: `256` → `512`" in text
    assert "`MemorySize` in prod: `256` → `1024`" in text


def test_nothing_changed_and_could_not_review_do_not_look_alike() -> None:
    nothing, unread = markdown.render(reviews.EMPTY), markdown.render(reviews.UNREAD)
    assert "## 💤 Nothing changed: both sides deploy the same" in nothing
    assert "## ⚠️ Could not review\n" in unread
    assert "- The base side cannot be synthesised" in unread
    assert "Nothing changed" not in unread + terminal.render(reviews.UNREAD)
    assert "Nothing changed" in terminal.render(reviews.EMPTY)
    passed = replace(reviews.usual(), verdict=Verdict.PASS, findings=())
    assert "## ✅ Pass: no findings" in markdown.render(passed)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("changes", [400, pytest.param(4_000, marks=pytest.mark.soak)])
def test_many_changes_stay_within_the_hosts_limit_with_every_finding(host: str, changes: int) -> None:
    review = reviews.large(changes, findings=60)
    text = markdown.render(review, host=HOSTS[host], pointer=POINTER)
    assert size(text) <= HOSTS[host].most
    missing = [each.path for each in review.findings if f"`{each.path}`" not in text]
    assert missing == []
    assert text.rstrip().endswith(f"The full review: {POINTER}")
    whole = markdown.render(review)
    assert ("Shortened to this host's limit" in text) == (size(whole) > HOSTS[host].most)
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("most", [900, 2_000, 4_000, 10_240, 20_000, 65_536])
def test_findings_that_alone_exceed_the_limit_are_counted_and_the_worst_are_named(most: int) -> None:
    review = reviews.large(800, findings=800)
    text = markdown.render(review, host=Host(most), pointer=POINTER)
    assert size(text) <= most
    assert "80 critical, 720 high" in text
    assert "Findings in all: 800" in text
    named = [number for number, each in enumerate(review.findings) if f"`{each.path}`" in text]
    assert named == list(range(len(named))), "none of the better is named before the worse"
    assert POINTER in text


def test_what_has_room_is_whole() -> None:
    review = reviews.usual()
    assert markdown.render(review, host=HOSTS["github"]) == markdown.render(review)


@pytest.mark.parametrize("host", [None, *HOSTS.values()])
def test_hostile_text_mentions_nobody_and_closes_nothing(host: Host | None) -> None:
    text = markdown.render(reviews.hostile(), host=host)
    outside = re.sub(r"(?<![\\`])(`+)(?!`).+?(?<!`)\1(?!`)", "", text)
    assert re.findall(r"(?<!\\)@\w", outside) == [], "no mention"
    assert re.findall(r"(?<![\\&])#\d", outside) == [], "no reference"
    assert re.findall(r"(?<!\\)<(?!/?(details|summary)>|!-- penstock review --)", outside) == [], "no markup"
    assert outside.count(MARKER) == 1
    assert text.startswith(MARKER)
    assert "https://evil" not in outside
    assert re.findall(r"^\s*/", text, re.MULTILINE) == [], "no command of GitLab's"
    assert re.findall(r"^\s*(/approve|/merge|#\s|1\.\s)", outside, re.MULTILINE) == []
    opened, closed = (len(re.findall(rf"^<{tag}details>", outside, re.MULTILINE)) for tag in ("", "/"))
    assert opened == closed
    assert "\u202e" not in text
    assert "\x1b" not in text
    text.encode()


def test_code_holds_whatever_it_is_given_on_one_line() -> None:
    assert code("a`b``c\nd") == "``` a`b``c d ```"
    assert code("") == ""
    assert prose("a|b *c* _d_ <e> @team #1") == "a\\|b \\*c\\* \\_d\\_ \\<e\\> @\u200bteam #\u200b1"
    assert list(map(prose, ("/approve", "- one", "1. two"))) == ["\\/approve", "\\- one", "1\u200b. two"]
    assert prose("one\n/approve") == "one /approve"
    assert visible("\u202eabc\x00") == "⟨U+202E⟩abc⟨U+0000⟩"


@pytest.mark.parametrize("review", [reviews.usual(), reviews.hostile()])
def test_a_terminal_is_given_nothing_that_it_would_obey(review: Review) -> None:
    text = terminal.render(review)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert text.startswith("Blocked: ")


def test_a_summary_is_html_whatever_the_services_name() -> None:
    text = markdown.render(reviews.hostile())
    for summary in re.findall(r"<summary>(.*?)</summary>\n", text):
        assert "<" not in summary
        assert "@acme" not in html.unescape(summary)


def test_the_json_read_back_is_the_same_review() -> None:
    for review in (reviews.usual(), reviews.EMPTY, reviews.UNREAD):
        assert data.read(data.write(review)) == review


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version": 1', '"version": 2'),
        ('"verdict": "pass"', '"verdict": "great"'),
        ('"complete": true', '"complete": "yes"'),
        ('"findings": []', '"findings": {}'),
        ('"findings": []', '"findings": [{"rule": "x"}]'),
        ('"base": "0a1b2c3",', ""),
        ('"base"', '"__class__": 1, "base"'),
        ("{", "["),
    ],
)
def test_json_that_is_not_as_documented_is_refused(old: str, new: str) -> None:
    text = data.write(reviews.EMPTY)
    assert old in text
    with pytest.raises(data.ReviewFormatError):
        data.read(text.replace(old, new, 1))


def test_json_larger_than_any_review_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    text = data.write(reviews.EMPTY)
    monkeypatch.setattr(data, "LARGEST", len(text))
    assert data.read(text) == reviews.EMPTY
    with pytest.raises(data.ReviewFormatError, match=f"the review has more than {len(text)} characters"):
        data.read(text + " ")


def test_json_that_nests_deeper_than_can_be_read_is_refused() -> None:
    with pytest.raises(data.ReviewFormatError, match="the review is no JSON"):
        data.read("[" * 1_000_000)
