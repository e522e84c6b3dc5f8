"""What the two values of a property look like: only what differs, and never alike."""

from typing import Any

import pytest

from pipeline.review.model import PropertyChange, ResourceOutcome
from pipeline.review.render import sides
from pipeline.review.render.compared import ANOTHER, ONLY_SPACE, REFERENCE, Entries, Replaced, parts
from pipeline.review.render.compared import sides as in_words
from pipeline.review.render.group_rows import RowProperty, Values, group_rows
from pipeline.review.render.tests.reviews import change

Json = Any
READ: Json = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": {"Fn::GetAtt": ["B", "Arn"]}}
DENY: Json = {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}


def policy(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def test_a_dropped_statement_of_a_policy_is_one_line_in_words() -> None:
    assert parts(policy(READ, DENY), policy(READ)) == (Entries(label="", dropped=("Deny s3:DeleteBucket on *",)),)


def test_an_action_that_a_statement_gains_is_named_alone() -> None:
    more = {**READ, "Action": [*READ["Action"], "s3:PutObject"]}
    assert parts(policy(READ, DENY), policy(DENY, more)) == (
        Entries(label="Allow on <B.Arn>: Action", added=("s3:PutObject",)),
    )


def test_statements_of_one_sid_are_compared_with_each_other() -> None:
    old, new = ({**READ, "Sid": "Readers", "Resource": name, "Action": name} for name in ("a", "b"))
    (first, second) = parts(policy(old), policy(new))
    assert isinstance(first, Replaced)
    assert isinstance(second, Replaced)
    assert {(first.old, first.new), (second.old, second.new)} == {("a", "b")}


@pytest.mark.parametrize("malformed", ["text", 5, None, [], {"Effect": ["Allow"]}, {"Action": {"a": 1}}])
def test_statements_that_are_none_are_compared_all_the_same(malformed: Json) -> None:
    assert parts(policy(READ, malformed), policy(DENY))


def test_a_list_of_texts_shows_what_only_one_side_has() -> None:
    assert parts(["a", "b"], ["b", "c"]) == (Entries(label="", dropped=("a",), added=("c",)),)
    assert parts(["a", "b"], ["b", "a"]) == (Replaced(label="", old=["a", "b"], new=["b", "a"]),)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("(redacted)", "(redacted)", ANOTHER),
        ({"Ref": "Table"}, {"Ref": "Table"}, REFERENCE),
        ("def f():\n  1", "def f(): 1", ONLY_SPACE),
    ],
)
def test_two_sides_that_would_look_alike_say_why(old: Json, new: Json, words: str) -> None:
    assert in_words(old, new, 100)[1] == words
    each = RowProperty(
        path="P", impact=ResourceOutcome.UPDATE, sources=(), values=(Values(stages=("dev",), old=old, new=new),)
    )
    assert "\n" in str(old) or words in sides.drawn(each)


@pytest.mark.parametrize("at", [0, 1, 99, 400, 777, 999])
@pytest.mark.parametrize("text", ["x" * 1000, "word " * 200])
@pytest.mark.parametrize("instead", ["", "Y", "YY some more YY"])
def test_long_values_are_cut_around_the_difference(at: int, text: str, instead: str) -> None:
    left, right = in_words(text, text[:at] + instead + text[at + 1 :], 100)
    assert left != right
    assert max(len(left), len(right)) <= 100
    assert instead[:2] in right
    assert "…" in left


def test_a_long_value_of_one_line_is_marked_where_it_differs() -> None:
    text = "word " * 500
    each = RowProperty(
        path="P",
        impact=ResourceOutcome.UPDATE,
        sources=(),
        values=(Values(stages=("dev",), old=f"{text}old {text}", new=f"{text}new {text}"),),
    )
    drawn = sides.drawn(each)
    assert '<del class="part">old</del>' in drawn
    assert '<ins class="part">new</ins>' in drawn
    assert len(drawn) < 2_000


def test_what_changes_alike_in_several_entries_is_one_line() -> None:
    moved = [
        PropertyChange(
            path="Rules.Priority", keyed_path=f"Rules[{name}].Priority", old=2, new=1, impact=ResourceOutcome.UPDATE
        )
        for name in ("a", "b", "c")
    ]
    (row,) = group_rows([change("dev", "R", ResourceOutcome.UPDATE, *moved)])
    assert [(each.path, each.entries) for each in row.properties] == [("Rules.Priority", 3)]
