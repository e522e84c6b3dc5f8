"""What conditions say of requests, and that what cannot be told is never taken for the better of two answers."""

from typing import Any

import pytest

from services.library.cloudformation.conditions import Requests, implies, read_condition

UNKNOWN = {"Ref": "Unknown"}


@pytest.mark.parametrize(
    ("strict", "loose"),
    [
        ({"NumericLessThan": {"k": "5"}}, {"NumericLessThanEquals": {"k": "5"}}),
        ({"NumericGreaterThan": {"k": "5"}}, {"NumericGreaterThanEquals": {"k": "5"}}),
        ({"NumericGreaterThan": {"k": "6"}}, {"NumericGreaterThan": {"k": "5"}}),
        ({"NumericEquals": {"k": "5"}}, {"NumericLessThanEquals": {"k": "5"}}),
        ({"NumericGreaterThan": {"k": "5"}}, {"NumericNotEquals": {"k": "5"}}),
        ({"DateLessThan": {"k": "2024-01-01T00:00:00Z"}}, {"DateLessThan": {"k": "2025-01-01"}}),
        ({"DateGreaterThan": {"k": "2025-01-01"}}, {"DateGreaterThan": {"k": "1704067200"}}),
        ({"ForAllValues:StringEquals": {"k": "a"}}, {"ForAllValues:StringEquals": {"k": ["a", "b"]}}),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"ForAnyValue:StringEquals": {"k": ["a", "b"]}}),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"Null": {"k": "false"}}),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"ForAnyValue:StringEqualsIfExists": {"k": "a"}}),
        ({"Null": {"k": "true"}}, {"ForAllValues:StringEquals": {"k": "a"}}),
        ({"Null": {"k": "false"}}, {"Null": {"k": ["false", "true"]}}),
    ],
)
def test_implies_holds_in_one_direction_alone(strict: dict[str, Any], loose: dict[str, Any]) -> None:
    more, less = read_condition(strict), read_condition(loose)
    assert (implies(more, less), implies(less, more)) == (True, False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # A request may have several values of a key with a qualifier.
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"ForAllValues:StringEquals": {"k": "a"}}),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"ForAnyValue:StringNotEquals": {"k": "a"}}),
        # No value at all meets ForAllValues.
        ({"ForAllValues:StringEquals": {"k": "a"}}, {"StringEquals": {"k": "a"}}),
        ({"ForAllValues:StringEquals": {"k": "a"}}, {"ForAnyValue:StringEquals": {"k": "a"}}),
    ],
)
def test_implies_tells_all_values_from_any_value(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert not implies(read_condition(first), read_condition(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"Null": {"k": UNKNOWN}}, {"Null": {"k": "false"}}),
        ({"Null": {"k": ["false", UNKNOWN]}}, {"Null": {"k": "false"}}),
        ({"Null": {"k": UNKNOWN}}, {"Null": {"k": "true"}}),
        ({"Null": {"k": []}}, {"Null": {"k": "true"}}),
        ({"NumericLessThan": {"k": "nan"}}, {"NumericLessThan": {"k": "5"}}),
        ({"NumericLessThan": {"k": "inf"}}, {"NumericEquals": {"other": "5"}}),
        ({"NumericLessThan": {"k": "1e17"}}, {"NumericEquals": {"other": "5"}}),
        ({"NumericLessThan": {"k": "2020-01-01"}}, {"NumericLessThan": {"k": "1999999999"}}),
        ({"NumericLessThan": {"k": UNKNOWN}}, {"NumericLessThan": {"k": "5"}}),
        ({"DateLessThan": {"k": "some day"}}, {"DateLessThan": {"k": "2025-01-01"}}),
        ({"DateLessThan": {"k": UNKNOWN}}, {"DateLessThan": {"k": "2025-01-01"}}),
        ({"IpAddress": {"k": "10.0.0.0/99"}}, {"IpAddress": {"k": "10.0.0.0/8"}}),
        ({"NotIpAddress": {"k": "everywhere"}}, {"NotIpAddress": {"k": "10.0.0.0/8"}}),
        ({"StringEquals": UNKNOWN["Ref"]}, {"StringEquals": {"k": "a"}}),
        ("text", {"StringEquals": {"k": "a"}}),
    ],
)
def test_implies_is_false_of_values_that_cannot_be_compared(first: Any, second: dict[str, Any]) -> None:
    undecided = read_condition(first)
    assert undecided
    assert not implies(undecided, read_condition(second))
    assert not implies(read_condition(second), undecided)


def strangers_pass(condition: dict[str, Any]) -> bool:
    tests = read_condition(condition)
    requests = Requests(tests)
    return any(requests.passes(tests, each) and requests.is_a_strangers(each) for each in requests)


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ({"StringEquals": {"aws:SourceAccount": "111111111111"}}, False),
        ({"NumericEquals": {"aws:SourceAccount": "111111111111"}}, False),
        ({"NumericNotEquals": {"aws:SourceAccount": "111111111111"}}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"IpAddress": {"aws:SourceIp": {"Fn::GetAtt": ["Address", "PublicIp"]}}}, False),
        ({"IpAddress": {"aws:SourceIp": {"Fn::ImportValue": "range"}}}, True),
        ({"IpAddress": {"aws:SourceIp": "{{resolve:ssm:/range}}"}}, True),
        ({"Odd": {"aws:SourceAccount": "111111111111"}}, True),
        ({"StringEquals": ["aws:SourceAccount"]}, True),
        ({"Null": {"aws:SourceAccount": UNKNOWN}}, True),
    ],
)
def test_strangers_pass_a_condition_that_cannot_be_told_to_keep_them_out(
    condition: dict[str, Any], passes: bool
) -> None:
    assert strangers_pass(condition) is passes
