"""A macro decides what a template becomes, so that no review of one is whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review, Verdict
from pipeline.review.read import assembly

Json = Any
BUCKET = {"B": {"Type": "AWS::S3::Bucket"}}


def review(folder: Path, old: Json, new: Json) -> Review:
    for name, side in (("old.json", old), ("new.json", new)):
        (folder / name).write_text(json.dumps(side))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


def included(location: str, **beside: Json) -> Json:
    properties = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": location}}, **beside}
    return {"Resources": {**BUCKET, "A": {"Type": "AWS::SNS::Topic", "Properties": properties}}}


@pytest.mark.parametrize("beside", [{}, {"DisplayName": "a"}])
def test_review_of_a_template_that_includes_another_is_incomplete(beside: Json, tmp_path: Path) -> None:
    found = review(tmp_path, included("s3://a", **beside), included("s3://b", **beside))
    assert found.verdict is Verdict.INCOMPLETE
    assert found.incomplete == (
        "The template is rewritten at deployment by AWS::Include: what comes out is not known.",
    )


def test_review_of_a_template_that_a_macro_leaves_is_incomplete(tmp_path: Path) -> None:
    found = review(tmp_path, {"Transform": "Macro", "Resources": BUCKET}, {"Resources": BUCKET})
    assert found.verdict is Verdict.INCOMPLETE
    assert found.incomplete == (
        "The template was rewritten at deployment by Macro: what came out, and may go, is not known.",
    )


def test_review_that_is_blocked_and_incomplete_is_blocked(tmp_path: Path) -> None:
    table = {"T": {"Type": "AWS::DynamoDB::Table"}}
    found = review(tmp_path, {"Resources": {**BUCKET, **table}}, {"Transform": "Macro", "Resources": BUCKET})
    assert (found.verdict, found.complete) == (Verdict.BLOCKED, False)
