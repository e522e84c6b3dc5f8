"""Templates with values in the wrong places: a review of them ends, and one of a template against itself is empty."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.review.diff.changes import changes
from pipeline.review.judge import resource_findings
from pipeline.review.tests.cases.updates import CONDITIONAL, ENDING
from services.library.cloudformation.resolved_template import resolve
from services.library.cloudformation.template import Template

Json = Any
ODD: tuple[Json, ...] = (
    *(None, [], {}, "", 0, -1, 1.5, True, "Enabled", [None], [[{}]], {"a": [{"b": 1}]}),
    *({"Ref": "X"}, {"Fn::GetAtt": ["A", "B"]}, ["x", {"Ref": "Y"}], {"Statement": "x"}),
    *({"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]}, {"Fn::If": None}, {"Fn::If": {"a": 1}}),
)
"""What may stand where a template should have something else."""


@pytest.mark.parametrize("mutations", [500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_review_of_mutated_templates_ends(mutations: int) -> None:
    chance = random.Random(13)  # noqa: S311 - a test that can be run again
    for _ in range(mutations):
        case = chance.choice((*CONDITIONAL, *ENDING))
        old, new = (mutated(side, chance) for side in case.templates)
        for row in changes(resolve(Template(old)), resolve(Template(new)), is_asset=lambda _: False):
            assert all(draft.evidence for draft in resource_findings.of_change(row, row.path))
        again = copy.deepcopy(old)
        assert changes(resolve(Template(old)), resolve(Template(again)), is_asset=lambda _: False) == []


def mutated(template: Json, chance: random.Random) -> Json:
    """The template with up to three of its resources' parts taken out, or made something odd."""
    changed = copy.deepcopy(template)
    for _ in range(chance.randint(0, 3)):
        places = [path for path in paths(changed) if len(path) > 2 and path[2] != "Type"]
        if places:
            *parents, last = chance.choice(places)
            part = changed
            for key in parents:
                part = part[key]
            if isinstance(part, dict) and chance.random() < 0.2:
                del part[last]
            else:
                part[last] = copy.deepcopy(chance.choice(ODD))
    return changed


def paths(value: Json, above: tuple[Json, ...] = ()) -> Iterator[tuple[Json, ...]]:
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from paths(each, (*above, key))
