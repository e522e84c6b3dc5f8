"""What a tombstone says is what was said, and without any the file is what it was."""

import ast

import pytest

from pipeline.scaffold import tombstones
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.tidy import tidy
from pipeline.scaffold.tombstones import TombstoneText

EMPTY = '''"""The tombstones."""

from pipeline.catalogue.model import Tombstone

REMOVED: tuple[Tombstone, ...] = ()
'''


@pytest.fixture
def removed(draft: Draft) -> Draft:
    (draft.root / tombstones.FILE).write_text(EMPTY)
    return draft


def said(draft: Draft) -> list[dict[str, str]]:
    """The tombstones, as Python reads them."""
    (made,) = (
        node.value for node in ast.walk(ast.parse(draft.read(tombstones.FILE))) if isinstance(node, ast.AnnAssign)
    )
    assert isinstance(made, ast.Tuple)
    calls = [each for each in made.elts if isinstance(each, ast.Call)]
    return [{each.arg or "": ast.literal_eval(each.value) for each in call.keywords} for call in calls]


@pytest.mark.parametrize(
    "why",
    [
        "Nobody has called it since October",
        "It says \"no\" and 'never', and C:\\temp\\new, {braces} and %s",
        "the partner moved, the data was handed over, " * 5 + "and the last client has confirmed it",
        "x" * 300,
        "Größe, 長さ",
    ],
)
def test_a_reason_is_written_as_it_was_given_in_a_file_that_the_gate_takes(why: str, removed: Draft) -> None:
    for stage in ("dev", "prod"):
        tombstones.add(removed, TombstoneText(stage=stage, service="payments", why=why, owner="@example/payments"))
    after = removed.read(tombstones.FILE)
    assert [each["stage"] for each in said(removed)] == ["dev", "prod"]
    assert {each["why"] for each in said(removed)} == {why}
    assert max(map(len, after.splitlines())) <= 120
    assert tidy(removed.root, tombstones.FILE, after) == after
    tombstones.drop(removed, {("dev", "payments"), ("qa", "payments")})
    assert [each["stage"] for each in said(removed)] == ["prod"]
    tombstones.drop(removed, {("prod", "payments")})
    assert removed.read(tombstones.FILE) == EMPTY


def test_a_list_that_is_made_in_another_way_is_left_alone(removed: Draft) -> None:
    (removed.root / tombstones.FILE).write_text(EMPTY.replace("= ()", "= tuple([])"))
    with pytest.raises(ScaffoldError, match=r"REMOVED is no tuple in parentheses.* add `Tombstone\(stage=\"dev\""):
        tombstones.add(
            removed, TombstoneText(stage="dev", service="payments", why="Because it may", owner="@example/payments")
        )
