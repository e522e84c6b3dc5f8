"""Every template case of the review, by its number in the design."""

import json
from pathlib import Path

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Direction, Review
from pipeline.review.read import assembly
from pipeline.review.tests.cases import access, data, values
from pipeline.review.tests.cases.case import Case

CASES = {case.id: case for case in (*data.CASES, *values.CASES, *access.CASES)}


def review(case: Case, folder: Path) -> Review:
    for name, side in (("old.json", case.old), ("new.json", case.new)):
        (folder / name).write_text(json.dumps(side))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


def test_template_cases_cover_every_number_of_the_design() -> None:
    assert {case.split()[0] for case in CASES} == {f"{number:02}" for number in range(1, 57)}


@pytest.mark.parametrize("id_", CASES)
def test_review_of_a_template_case_has_its_outcome_and_flags(id_: str, tmp_path: Path) -> None:
    case = CASES[id_]
    found = review(case, tmp_path)
    outcomes = {change.logical_id: change.outcome.value for change in found.changes}
    for logical_id, expected in case.expect.items():
        assert outcomes.get(logical_id, "NONE") in expected.split("/"), logical_id
    if case.loses is not None:
        assert {change.logical_id for change in found.changes if change.data_loss} == case.loses
    assert case.guard <= {change.logical_id for change in found.changes if change.guard_dropped}
    for flag, raised in (case.access or {}).items():
        said = [
            change.direction is Direction.BROADENED if flag == "broadened" else getattr(change, flag)
            for change in found.access
        ]
        assert any(said) is raised, (flag, found.access)
    if case.section == "Outputs":
        assert "Review-ExportRemoved" in {finding.rule for finding in found.findings}
    if case.section == "Transform":
        assert "Review-Transform" in {finding.rule for finding in found.findings}
        assert not found.complete


@pytest.mark.parametrize("id_", CASES)
def test_review_of_a_template_against_itself_is_empty(id_: str, tmp_path: Path) -> None:
    for side in (CASES[id_].old, CASES[id_].new):
        found = review(Case(id=id_, old=side, new=side, expect={}), tmp_path)
        assert found.is_empty
        assert found.complete
