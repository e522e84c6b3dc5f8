"""Which version an alias routes to, and what it refuses.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachineAlias.html
"""

from typing import Any

import pytest

from pipeline.local.cloud.stepfunctions.routing import chosen_version, name_refusal, route, routing_refusal

MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:m"
ONE, TWO = f"{MACHINE}:1", f"{MACHINE}:2"


@pytest.mark.parametrize(("draw", "version"), [(0.0, ONE), (9.9, ONE), (10.0, TWO), (99.9, TWO)])
def test_each_version_runs_its_percentage(draw: float, version: str) -> None:
    assert chosen_version([route(ONE, 10), route(TWO, 90)], draw) == version


# The messages are AWS's own.
@pytest.mark.parametrize(
    ("routing", "said"),
    [
        ([], "Member must have length less than or equal to 2"),
        ([route(ONE, 50), route(TWO, 30), route(f"{MACHINE}:3", 20)], "length less than or equal to 2"),
        ([route(ONE, 50), route(ONE, 50)], "Routing configuration must contain distinct state machine version ARNs."),
        ([route(MACHINE, 100)], "Routing configuration must contain state machine version ARNs. Received: ["),
        ([route(ONE, 70), route(TWO, 29)], "Sum of routing configuration weights must equal 100. Received: [70, 29]"),
        ([route(ONE, 101)], "must equal 100"),
        ([route(ONE, 50), route(f"{MACHINE}-other:1", 50)], "versions of the same state machine"),
    ],
)
def test_a_wrong_routing_configuration_is_refused(routing: list[dict[str, Any]], said: str) -> None:
    assert said in str(routing_refusal(routing))


def test_one_version_or_two_are_routed_to() -> None:
    assert routing_refusal([route(ONE)]) is None
    assert routing_refusal([route(ONE, 1), route(TWO, 99)]) is None


@pytest.mark.parametrize("name", ["123", "INVALID ALIAS", "!INVALID", "ALIAS@", "A" * 81])
def test_a_wrong_name_is_refused(name: str) -> None:
    assert f"Value '{name}' at 'name' failed to satisfy constraint" in str(name_refusal(name))


@pytest.mark.parametrize("name", ["live", "v1.2", "1-a", "A" * 80])
def test_a_name_has_more_than_digits(name: str) -> None:
    assert name_refusal(name) is None
