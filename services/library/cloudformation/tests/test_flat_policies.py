"""What policies that are written flat allow, and to whom."""

from typing import Any

import pytest

from services.library.cloudformation.conditions import read_condition
from services.library.cloudformation.flat_policies import flat_policy
from services.library.cloudformation.statements import Statement, read_document
from services.library.cloudformation.template import Resource

ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
PUT = {"Action": "events:PutEvents", "Principal": "*"}


def read(type_: str, properties: dict[str, Any]) -> list[Statement]:
    return [*read_document(flat_policy(Resource("Policy", type_, "Stack/Policy", {"Properties": properties})))]


@pytest.mark.parametrize(
    ("properties", "condition"),
    [
        (PUT, None),
        ({**PUT, "Condition": {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"}}, ORGANIZATION),
        ({**PUT, "Condition": ORGANIZATION}, ORGANIZATION),
        ({**PUT, "Condition": "text"}, None),
        ({"Statement": {"Effect": "Allow", **PUT, "Condition": ORGANIZATION}}, ORGANIZATION),
        # The statement holds, whatever else is written beside it.
        ({"Statement": {"Effect": "Allow", **PUT}, "Action": "events:None", "Condition": ORGANIZATION}, None),
    ],
)
def test_a_bus_is_open_to_whom_its_condition_lets_in(properties: dict[str, Any], condition: Any) -> None:
    (statement,) = read("AWS::Events::EventBusPolicy", properties)
    (plain,) = read_document({"Statement": {"Effect": "Allow", **PUT}})
    assert (statement.allows, statement.principals, statement.actions) == (True, plain.principals, plain.actions)
    assert statement.tests == read_condition(condition)


def test_a_bus_may_be_denied_by_a_statement() -> None:
    (statement,) = read("AWS::Events::EventBusPolicy", {"Statement": [{"Effect": "Deny", **PUT}]})
    assert not statement.allows
