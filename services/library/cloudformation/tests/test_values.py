"""Which values mean the same to CloudFormation, and which do not."""

from typing import Any

import pytest

from services.library.cloudformation.values import is_same, normalize_join

ALLOWED = {"Effect": "Allow", "Action": ["s3:Get", "s3:Put"], "Principal": {"AWS": ["a", "b"]}, "Resource": "*"}
TEST = {"Condition": {"StringEquals": {"k": ["a", "b"]}}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (5, "5"),
        (5.0, 5),
        (0.5, "0.5"),
        (True, "true"),
        ([False], ["false"]),
        ({"Statement": ALLOWED}, {"Statement": [{**ALLOWED, "Action": ["s3:Put", "s3:Get"], "Resource": ["*"]}]}),
        ({"Statement": [ALLOWED]}, {"Statement": [{**ALLOWED, "Principal": {"AWS": ["b", "a"]}}]}),
        ({"Statement": [TEST]}, {"Statement": [{"Condition": {"StringEquals": {"k": ["b", "a"]}}}]}),
        ({"Statement": ["text", ALLOWED]}, {"Statement": [ALLOWED, "text"]}),
        (
            {"Statement": [{"Condition": {"StringEquals": True}}]},
            {"Statement": [{"Condition": {"StringEquals": "true"}}]},
        ),
    ],
)
def test_is_same_whatever_the_spelling(one: Any, other: Any) -> None:
    assert is_same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (5.5, "5"),
        (1, True),
        ("True", "true"),
        (None, "None"),
        (None, ""),
        (["a", "b"], ["b", "a"]),
        ({"Statement": [ALLOWED]}, {"Statement": [{**ALLOWED, "Effect": "Deny"}]}),
        ({"Statement": ["text"]}, {"Statement": ["another"]}),
        ({"Statement": [ALLOWED, "text"]}, {"Statement": [ALLOWED]}),
        ({"Statement": [TEST]}, {"Statement": [{"Condition": {"StringEquals": {"k": "a"}}}]}),
    ],
)
def test_is_same_of_no_two_meanings(one: Any, other: Any) -> None:
    assert not is_same(one, other)


def test_normalize_join_writes_numbers_and_truths_as_cloudformation_does() -> None:
    assert normalize_join("-", ["a", True, False, 5, 0.5]) == "a-true-false-5-0.5"
    assert normalize_join("-", ["a", {"Ref": "B"}, True]) == {"Fn::Join": ["", ["a-", {"Ref": "B"}, "-true"]]}
