"""Which version an invocation of an alias runs, and which two an alias may point to."""

from typing import Any

import pytest

from pipeline.local.cloud.awslambda.aliases import chosen_version, refusal

LIVE: dict[str, Any] = {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}}}


def versions(**second: Any) -> dict[str, dict[str, Any]]:
    first = {"Role": "worker", "DeadLetterConfig": {"TargetArn": "queue"}}
    return {"1": first, "2": {**first, **second}}


@pytest.mark.parametrize(("draw", "version"), [(0.0, "2"), (0.24, "2"), (0.25, "1"), (0.99, "1")])
def test_a_draw_below_the_weight_runs_the_additional_version(draw: float, version: str) -> None:
    assert chosen_version(LIVE, draw) == version


def test_an_alias_without_weights_runs_its_own_version() -> None:
    assert chosen_version({"FunctionVersion": "7"}, 0.0) == "7"


# https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html, the criteria of the versions.
@pytest.mark.parametrize(
    ("there", "said"),
    [
        (versions(Role="other"), "not the same execution role"),
        (versions(DeadLetterConfig=None), "not the same dead-letter queue configuration"),
        ({"2": {}}, "published versions alone, and 1 is none"),
    ],
)
def test_an_alias_routes_to_two_versions_of_one_role_and_queue(there: dict[str, Any], said: str) -> None:
    assert said in str(refusal(LIVE, there))


def test_an_alias_may_route_to_two_versions_that_differ_in_code() -> None:
    assert refusal(LIVE, versions(CodeSha256="other")) is None
