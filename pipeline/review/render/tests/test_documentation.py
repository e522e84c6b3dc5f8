"""docs/review-json.md names every field of the model, and none besides."""

import dataclasses
import re
from enum import StrEnum
from pathlib import Path

import pytest

from pipeline.review import model

DOCUMENT = (Path(__file__).parents[4] / "docs/review-json.md").read_text()
SECTIONS = dict(re.findall(r"^##+ (\w+)\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL))
KINDS = [
    each
    for each in vars(model).values()
    if dataclasses.is_dataclass(each) and isinstance(each, type) and each is not model.StackLocation
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_review_json_page_has_every_field_and_no_other(kind: type) -> None:
    rows = re.findall(r"^\| (`.+?) \|", SECTIONS[kind.__name__], re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`(\w+)(?:\[\])?`", row)]
    assert sorted(documented) == sorted(field.name for field in dataclasses.fields(kind))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_review_json_page_marks_lists(kind: type) -> None:
    lists = {field.name for field in dataclasses.fields(kind) if "tuple" in str(field.type)}
    rows = re.findall(r"^\| (`.+?) \|", SECTIONS[kind.__name__], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)\[\]`", row)} == lists


@pytest.mark.parametrize(
    "words", [model.Level, model.Verdict, model.ResourceOutcome, model.EndingKind, model.Direction, model.AccessKind]
)
def test_review_json_page_has_every_word(words: type[StrEnum]) -> None:
    assert [word.value for word in words if f"`{word.value}`" not in DOCUMENT] == []


def test_review_json_page_has_the_version() -> None:
    assert f"`version` is {model.VERSION}:" in DOCUMENT
