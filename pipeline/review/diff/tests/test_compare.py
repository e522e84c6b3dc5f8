"""Lists are compared by the keys of their entries."""

from typing import Any

from pipeline.review.diff.compare import differences

Json = Any
APPROVE, TEST, DEPLOY = ({"Name": name, "Order": at} for at, name in enumerate(("Approve", "Test", "Deploy")))


def found(old: Json, new: Json) -> list[tuple[str, Json, Json]]:
    return [(".".join(each.keyed_path), each.old, each.new) for each in differences({"L": old}, {"L": new})]


def test_an_entry_that_goes_is_one_difference_wherever_it_stands() -> None:
    assert found([APPROVE, TEST, DEPLOY], [TEST, DEPLOY]) == [("L[Approve]", APPROVE, None)]
    assert found([TEST, DEPLOY], [TEST, APPROVE, DEPLOY]) == [("L[Approve]", None, APPROVE)]


def test_entries_of_one_key_are_compared_part_by_part() -> None:
    later = {**TEST, "Order": 9}
    assert found([APPROVE, TEST], [later, APPROVE]) == [("L[Test].Order", 1, 9)]


def test_an_entry_that_only_gets_another_key_is_renamed() -> None:
    assert found([APPROVE, TEST], [{**APPROVE, "Name": "Agree"}, TEST]) == [("L.Name", "Approve", "Agree")]


def test_an_entry_that_goes_is_not_compared_with_another_one_that_comes() -> None:
    other = {"Name": "Other", "Order": 7}
    assert found([APPROVE, TEST], [TEST, other]) == [("L[Approve]", APPROVE, None), ("L[Other]", None, other)]


def test_entries_without_keys_of_their_own_are_compared_in_order() -> None:
    assert found([{"Port": 1}, {"Port": 2}], [{"Port": 1}, {"Port": 3}]) == [("L.Port", 2, 3)]
    twice = [{"Name": "a", "Port": 1}, {"Name": "a", "Port": 2}]
    assert found(twice, [{"Name": "a", "Port": 1}, {"Name": "a", "Port": 3}]) == [("L.Port", 2, 3)]


def test_the_path_has_no_keys_for_that_is_what_sources_know() -> None:
    (difference,) = differences({"L": [APPROVE, TEST]}, {"L": [APPROVE, {**TEST, "Order": 9}]})
    assert difference.path == ("L", "Order")
