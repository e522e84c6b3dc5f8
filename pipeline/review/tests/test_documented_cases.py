"""What the review says where a page of AWS's says what happens: the cases of `cases/documented_*.py`."""

import json
from pathlib import Path

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review
from pipeline.review.read import assembly
from pipeline.review.tests.cases.documented import DOCS, Json, Subject
from pipeline.review.tests.cases.documented_access import ACCESS_CASES
from pipeline.review.tests.cases.documented_data import DATA_CASES
from pipeline.review.tests.cases.documented_pipeline import PIPELINE_CASES
from pipeline.review.tests.test_pipeline_settings import changed, of

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


@pytest.mark.parametrize("id_", CASES)
def test_review_of_a_documented_case_says_what_its_page_says(id_: str, tmp_path: Path) -> None:
    case = CASES[id_]
    found = review(tmp_path, case.old, case.new)
    rules = {finding.rule for finding in found.findings}
    assert case.rules <= rules, case.page
    assert case.rules or not case.is_complete or not rules, case.page
    assert found.complete is case.is_complete, case.page
    assert case.is_complete or found.verdict.exit_code != 0
    for side in (case.old, case.new):
        assert review(tmp_path, side, side).is_empty, "there is nothing to say of a side against itself"


@pytest.mark.parametrize("id_", OF_PIPELINE)
def test_review_blocks_a_documented_change_of_the_pipeline(id_: str, tmp_path: Path) -> None:
    case = OF_PIPELINE[id_]
    found = of(tmp_path, changed(case.path, case.value))
    assert found.findings, case.page
    assert (found.verdict.exit_code == 1) is case.blocks, case.page
