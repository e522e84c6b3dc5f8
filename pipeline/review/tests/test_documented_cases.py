"""What the review says where a page of AWS's says what happens: the cases of `cases/documented_*.py`."""

import json
import re
from pathlib import Path

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review
from pipeline.review.read import assembly
from pipeline.review.render import terminal
from pipeline.review.tests.cases.documented import DOCS, Json, Subject
from pipeline.review.tests.cases.documented_access import ACCESS_CASES
from pipeline.review.tests.cases.documented_data import CONFIRMED, DATA_CASES, STRICTER
from pipeline.review.tests.cases.documented_pipeline import PIPELINE_CASES
from pipeline.review.tests.test_pipeline_settings import changed, of

SIDES = re.compile(r"\s*\S+: (?P<old>.*) -> (?P<new>.*)")
"""A property's row in a terminal."""
CASES = {case.id: case for case in (*DATA_CASES, *ACCESS_CASES)}
OF_PIPELINE = {case.id: case for case in PIPELINE_CASES}


def review(folder: Path, old: Json, new: Json) -> Review:
    for name, side in (("old.json", old), ("new.json", new)):
        (folder / name).write_text(json.dumps(side))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


def test_documented_cases_are_many_each_with_its_page_and_of_every_subject() -> None:
    assert len(CASES) == len(DATA_CASES) + len(ACCESS_CASES), "two cases have one name"
    assert len(CASES) + len(OF_PIPELINE) >= 150
    assert {case.subject for case in CASES.values()} == {*Subject}
    pages = [*(case.page for case in CASES.values()), *(case.page for case in OF_PIPELINE.values())]
    assert all(page.startswith(DOCS) for page in pages)


def test_what_was_read_of_the_cases_of_data_is_said_of_cases_that_there_are_and_once() -> None:
    said = [*(id_ for ids in CONFIRMED.values() for id_ in ids), *STRICTER]
    assert len(said) == len(set(said))
    assert set(said) <= {case.id for case in DATA_CASES}


@pytest.mark.parametrize(
    "id_",
    ["rows of Keyspaces expire", "snapshots of a cluster that were kept for ever", "the same number of another unit"],
)
def test_review_says_that_what_exists_keeps_its_time_where_the_page_says_so(id_: str, tmp_path: Path) -> None:
    found = review(tmp_path, CASES[id_].old, CASES[id_].new)
    assert [("what exists keeps its time" in each.evidence) for each in found.findings] == [True]


@pytest.mark.parametrize("id_", CASES)
def test_review_of_a_documented_case_says_what_its_page_says(id_: str, tmp_path: Path) -> None:
    case = CASES[id_]
    found = review(tmp_path, case.old, case.new)
    rules = {finding.rule for finding in found.findings}
    assert case.rules <= rules, case.page
    assert case.rules or not case.is_complete or not rules, case.page
    assert found.complete is case.is_complete, case.page
    assert case.is_complete or found.verdict.exit_code != 0
    shown = [SIDES.fullmatch(line) for line in terminal.render(found).splitlines()]
    assert all(row["old"] != row["new"] for row in shown if row), "no row has two sides that look the same"
    for side in (case.old, case.new):
        assert review(tmp_path, side, side).is_empty, "there is nothing to say of a side against itself"


@pytest.mark.parametrize("id_", OF_PIPELINE)
def test_review_blocks_a_documented_change_of_the_pipeline(id_: str, tmp_path: Path) -> None:
    case = OF_PIPELINE[id_]
    found = of(tmp_path, changed(case.path, case.value))
    assert found.findings, case.page
    assert (found.verdict.exit_code == 1) is case.blocks, case.page
