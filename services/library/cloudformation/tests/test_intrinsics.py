"""What a template may turn out to say, whichever way its conditions turn out."""

from typing import Any

import pytest

from services.library.cloudformation.intrinsics import (
    MOST,
    TOO_MANY,
    UNDECIDED,
    Resolver,
    entries,
    possible_documents,
    possible_values,
    values_at,
)
from services.library.cloudformation.template import Template
from services.library.cloudformation.values import references

TABLE = {"Fn::GetAtt": ["Table", "Arn"]}
NOTHING = {"Ref": "AWS::NoValue"}
TEMPLATE = Template(
    {
        "Parameters": {
            "Who": {"Type": "String", "Default": "*"},
            "Read": {"Type": "AWS::SSM::Parameter::Value<String>"},
        },
        "Resources": {
            "Said": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "said"}},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
        "Mappings": {"Of": {"a": {"b": "mapped"}}},
    }
)


@pytest.mark.parametrize(
    ("value", "comes"),
    [
        ({"Fn::If": ["C", 1, {"Fn::If": ["D", {"Ref": "AWS::NoValue"}, 2]}]}, [1, None, 2]),
        ({"Ref": "Who"}, ["*"]),
        ({"Ref": "Read"}, [{"Fn::Parameter": "Read"}]),
        ({"Fn::Join": ["", ["a", {"Fn::If": ["C", "b", "c"]}]]}, ["ab", "ac"]),
        ({"Fn::Join": ["", ["a", {"Ref": "Table"}]]}, [{"Fn::Join": ["", ["a", {"Ref": "Table"}]]}]),
        ({"Fn::Sub": "plain"}, ["plain"]),
        ({"Fn::Sub": "of ${Who}"}, ["of *"]),
        ({"Fn::Sub": ["${a}-${Table.Arn}", {"a": "b"}]}, [{"Fn::Join": ["", ["b-", TABLE]]}]),
        ({"Fn::Sub": "${Table.Arn}"}, [TABLE]),
        ({"Fn::GetAtt": ["Said", "Value"]}, ["said"]),
        ({"Fn::Select": [1, ["a", "b"]]}, ["b"]),
        ({"Fn::FindInMap": ["Of", "a", "b"]}, ["mapped"]),
        (None, [None]),
        ({"Fn::Sub": "${!Who} of ${Who}"}, ["${Who} of *"]),
        ({"Fn::Sub": [{"Ref": "Read"}]}, [{"Fn::Sub": [{"Fn::Parameter": "Read"}]}]),
        ({"Fn::Join": [",", {"Ref": "Read"}]}, [{"Fn::Join": [",", {"Fn::Parameter": "Read"}]}]),
        ({"Fn::Join": "text"}, [{"Fn::Join": []}]),
        ({"Fn::FindInMap": ["Of", "a", "gone"]}, [{"Fn::FindInMap": ["Of", "a", "gone"]}]),
        (
            {"Fn::FindInMap": ["Of", {"Ref": "Read"}, "b"]},
            [{"Fn::FindInMap": ["Of", {"Fn::Parameter": "Read"}, "b"]}],
        ),
        ({"Fn::Select": [2, ["a", "b"]]}, [{"Fn::Select": [2, ["a", "b"]]}]),
        ({"Fn::Select": [-1, ["a", "b"]]}, [{"Fn::Select": [-1, ["a", "b"]]}]),
        ({"Fn::Split": [",", "a,b"]}, [["a", "b"]]),
        ({"Fn::Split": [",", {"Ref": "Read"}]}, [{"Fn::Split": [",", {"Fn::Parameter": "Read"}]}]),
        ({"Fn::GetAtt": ["Table", "Value"]}, [{"Fn::GetAtt": ["Table", "Value"]}]),
        ({"Fn::GetAtt": ["Queue", "Value"]}, [{"Fn::GetAtt": ["Queue", "Value"]}]),
        ({"Fn::If": ["C", "a"]}, [{"Fn::If": ["C", "a"]}]),
        ({"Fn::ImportValue": {"Ref": "Read"}}, [{"Fn::ImportValue": {"Fn::Parameter": "Read"}}]),
    ],
)
def test_possible_values_are_those_of_every_branch(value: Any, comes: list[object]) -> None:
    assert possible_values(value, TEMPLATE) == comes


def test_more_possible_values_than_the_limit_end_with_a_mark() -> None:
    many = [{"Fn::If": [f"C{index}", index, -index]} for index in range(40)]
    whole = {"Fn::Join": ["", [{"Fn::If": [f"C{index}", "a", "b"]} for index in range(7)]]}
    assert possible_values(whole, TEMPLATE)[MOST:] == possible_documents(whole, TEMPLATE)[MOST:] == [TOO_MANY]
    assert possible_documents({"a": many}, TEMPLATE)[-1] == TOO_MANY
    assert values_at({"a": whole}, "a", TEMPLATE)[-1] == TOO_MANY
    assert len(entries(many, TEMPLATE)) == 80


def test_possible_documents_decide_every_part() -> None:
    value = {"a": {"Fn::If": ["C", ["b", NOTHING], NOTHING]}, "d": "e"}
    assert possible_documents(value, TEMPLATE) == [{"a": ["b"], "d": "e"}, {"d": "e"}]


def test_references_are_found_in_every_form() -> None:
    value = {
        "a": [{"Ref": "One"}, {"Fn::GetAtt": ["Two", "Arn"]}, {"Fn::GetAtt": "Three.Arn"}, {"Fn::Sub": "x${Four.Arn}"}],
        "b": {"Fn::Sub": ["${Five}${!Six}${own}", {"own": {"Ref": "Seven"}}]},
    }
    found = [("One", ""), ("Two", "Arn"), ("Three", "Arn"), ("Four", "Arn"), ("Five", ""), ("own", ""), ("Seven", "")]
    assert list(references(value)) == found


ALWAYS, NEVER, OPEN = ({"Fn::Equals": ["a", other]} for other in ("a", "b", {"Ref": "Read"}))


@pytest.mark.parametrize(
    ("asked", "truth"),
    [
        (ALWAYS, True),
        (NEVER, False),
        (OPEN, UNDECIDED),
        ({"Fn::Equals": ["a", "{{resolve:ssm:/a}}"]}, UNDECIDED),
        ({"Fn::Equals": [["a"], ["b", {"Ref": "Read"}]]}, UNDECIDED),
        ({"Fn::Equals": [["a"], ["b", "c"]]}, False),
        ({"Fn::Equals": ["a"]}, UNDECIDED),
        ({"Fn::Odd": ["a"]}, UNDECIDED),
        ("text", UNDECIDED),
        ({"Fn::And": [OPEN, NEVER]}, False),
        ({"Fn::And": [OPEN, ALWAYS]}, UNDECIDED),
        ({"Fn::And": [ALWAYS, ALWAYS]}, True),
        ({"Fn::And": []}, UNDECIDED),
        ({"Fn::Or": [OPEN, ALWAYS]}, True),
        ({"Fn::Or": [OPEN, NEVER]}, UNDECIDED),
        ({"Fn::Or": [NEVER, NEVER]}, False),
        ({"Fn::Not": [NEVER]}, True),
        ({"Fn::Not": [OPEN]}, UNDECIDED),
        ({"Condition": "Itself"}, UNDECIDED),
        ({"Condition": "Gone"}, UNDECIDED),
    ],
)
def test_a_condition_is_decided_by_what_is_known_alone(asked: Any, truth: bool | None) -> None:
    resolver = Resolver(conditions={"Asked": asked, "Itself": {"Fn::Not": [{"Condition": "Itself"}]}})
    assert [resolver.condition("Asked"), resolver.condition("Asked")] == [truth, truth]


def test_branches_that_come_to_the_same_need_no_condition() -> None:
    same = {"Fn::If": ["C", {"Fn::Join": ["", ["a", "b"]]}, "ab"]}
    assert Resolver().value([same, {"Fn::If": ["C", NOTHING, NOTHING]}]) == ["ab"]


def test_branches_of_a_number_and_a_truth_are_two() -> None:
    kept = Resolver().value({"Fn::If": ["C", 1, True]})
    assert kept["Fn::If"][1:] == [1, True]


def test_only_names_that_are_known_are_imports() -> None:
    resolver = Resolver()
    resolver.value([{"Fn::ImportValue": "known"}, {"Fn::ImportValue": {"Ref": "Read"}}])
    assert resolver.imports == {"known"}


def test_possible_documents_assume_one_outcome_of_a_condition_throughout() -> None:
    value = [{"Fn::If": ["C", 1, 2]}, {"Fn::If": ["C", 3, 4]}, {"Fn::If": ["D", 5, NOTHING]}]
    assert possible_documents(value, TEMPLATE) == [[1, 3, 5], [1, 3], [2, 4, 5], [2, 4]]


def test_possible_values_decide_no_condition_by_the_parameters() -> None:
    always = Template({"Conditions": {"C": {"Fn::Equals": ["a", "a"]}}})
    assert possible_values({"Fn::If": ["C", 1, 2]}, always) == [1, 2]


def test_a_parameter_of_a_list_type_is_a_list() -> None:
    names = Template({"Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "a, b"}}})
    assert entries({"Ref": "Names"}, names) == ["a", "b"]
