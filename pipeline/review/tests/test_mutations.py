"""Templates and assemblies with something odd in some place: a sentence or a review, never a traceback, never green
where something was not read.
"""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review, Verdict
from pipeline.review.read import assembly
from pipeline.review.read.assembly import UnreadableError
from pipeline.review.render import data, markdown, page, terminal
from pipeline.review.tests.assemblies import StackOf, review, write
from pipeline.review.tests.test_pairs import PAIRS
from pipeline.review.tests.test_pipeline_settings import pipeline

Json = Any
ODD: tuple[Json, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1e400,
        "",
        "x",
        "*",
        "${",
        "\x00",
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"Ref": None},
        {"Ref": ["x"]},
    ),
    *(
        {"Ref": "AWS::NoValue"},
        {"Fn::If": []},
        {"Fn::If": ["C", 1]},
        {"Fn::Join": None},
        {"Fn::Sub": {}},
        {"Fn::GetAtt": 1},
    ),
    *(
        {"Fn::Transform": None},
        {"Fn::Select": ["x", {}]},
        {"Fn::Split": [1]},
        {"Fn::FindInMap": ["A"]},
        {"Statement": 5},
    ),
    *(
        {"Statement": [{"Effect": "Allow"}]},
        {"Fn::ImportValue": None},
        {"Type": 5},
        {"Condition": {}},
        "AWS::S3::Bucket",
    ),
)


def places(value: Json) -> Iterator[tuple[Json, Any]]:
    """Every place in a document: what holds it, and its key or number there."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def mutated(document: Json, chance: random.Random) -> Json:
    """The document with one to three values replaced, dropped or put into a list."""
    odd = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        known = list(places(odd))
        if not known:
            return odd
        holder, key = chance.choice(known)
        way = chance.randrange(4)
        if way == 0:
            del holder[key]
        elif way == 1:
            holder[key] = [holder[key]]
        else:
            holder[key] = copy.deepcopy(chance.choice(ODD))
    return odd


def holds(found: Review) -> None:
    """Check what is true of every review, and that it can be written."""
    assert found.complete is not bool(found.incomplete)
    assert found.complete or found.verdict is not Verdict.PASS
    for render in (terminal.render, markdown.render, page.render, data.write):
        render(found)


def of_templates(folder: Path, chance: random.Random) -> None:
    documents = [pair[side] for pair in PAIRS.values() for side in ("old", "new")] + [pipeline()]
    document = chance.choice(documents)
    sides = [document, mutated(document, chance)]
    chance.shuffle(sides)
    try:
        for name, side in zip(("old.json", "new.json"), sides, strict=True):
            (folder / name).write_text(json.dumps(side))
        old, new = (assembly.of_template(folder / name) for name in ("old.json", "new.json"))
        holds(engine.review(old, new, ReviewBaseline()))
    except UnreadableError:
        return  # one sentence, and exit code 2


def of_assemblies(folder: Path, chance: random.Random) -> None:
    stages = {"dev": {"one": StackOf(template=chance.choice(list(PAIRS.values()))["old"])}}
    record = {"version": 1, "accepted": [{"rule": "R", "path": "P", "reason": "x"}], "review": [], "decided": []}
    sides = [write(folder / name, stages, pipeline=pipeline(), guardrails=record, assets=["a"]) for name in ("a", "b")]
    file = chance.choice(sorted(chance.choice(sides).rglob("*.json")))
    file.write_text(json.dumps(mutated(json.loads(file.read_text()), chance)))
    try:
        holds(review(*sides))
    except UnreadableError:
        return  # one sentence, and exit code 2


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_review_of_odd_templates_ends_in_no_traceback_and_is_never_green_by_omission(seed: int, tmp_path: Path) -> None:
    for number in range(10_000 if seed == 2 else 150):
        of_templates(tmp_path, random.Random(f"{seed}-{number}"))  # noqa: S311 - no secret: the same in every run


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_review_of_odd_assemblies_ends_in_no_traceback_and_is_never_green_by_omission(
    seed: int, tmp_path: Path
) -> None:
    for number in range(500 if seed == 2 else 40):
        of_assemblies(tmp_path / str(number), random.Random(f"{seed}-{number}"))  # noqa: S311 - no secret: the same in every run
