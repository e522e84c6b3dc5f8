"""Pairs of templates from elsewhere, each with what a review must say, why, and the page that says so."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review
from pipeline.review.read import assembly

PAIRS: dict[str, Any] = {
    pair["id"]: pair
    for file in sorted((Path(__file__).parent / "pairs").glob("*.json"))
    for pair in json.loads(file.read_text())
}


def reviewed(folder: Path, old: Any, new: Any) -> Review:
    for name, side in (("old.json", old), ("new.json", new)):
        (folder / name).write_text(json.dumps(side))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


def test_pairs_from_elsewhere_are_all_here() -> None:
    assert len(PAIRS) == 42


@pytest.mark.parametrize("id_", PAIRS)
def test_review_of_a_pair_says_what_its_page_says(id_: str, tmp_path: Path) -> None:
    pair = PAIRS[id_]
    found, expect = reviewed(tmp_path, pair["old"], pair["new"]), pair["expect"]
    rules = {finding.rule for finding in found.findings}
    directions = {change.direction.value for change in found.access}
    if "exit" in expect:
        codes = expect["exit"] if isinstance(expect["exit"], list) else [expect["exit"]]
        assert found.verdict.exit_code in codes, pair["why"]
    if "access" in expect:
        assert bool(directions & {*expect["access"]}) if expect["access"] else not directions, pair["why"]
    if "rules_any" in expect:
        assert rules & {*expect["rules_any"]}, pair["why"]
    changes = {change.logical_id: change for change in found.changes}
    for logical_id, outcomes in expect.get("outcome", {}).items():
        change = changes.get(logical_id)
        assert (change.outcome.value if change else None) in outcomes, pair["why"]
    for logical_id, is_lost in expect.get("loss", {}).items():
        assert changes[logical_id].data_loss is is_lost, pair["why"]
    assert found.findings or not expect.get("any_finding"), pair["why"]
    assert not rules & {*expect.get("no_rules", ())}, pair["why"]


@pytest.mark.parametrize("id_", PAIRS)
def test_review_of_a_side_of_a_pair_against_itself_is_empty(id_: str, tmp_path: Path) -> None:
    for side in (PAIRS[id_]["old"], PAIRS[id_]["new"]):
        assert reviewed(tmp_path, side, side).is_empty
