"""Which version an invocation of an alias runs. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html: "Lambda uses a simple probabilistic model
to distribute the traffic between the two function versions."
"""

from collections.abc import Mapping
from typing import Any

Alias = Mapping[str, Any]


def weights(alias: Alias) -> Mapping[str, float]:
    """Return the version beside the alias's own that it routes to, if there is one, with its share of 1."""
    routing = alias.get("RoutingConfig") or {}
    found: Mapping[str, float] = routing.get("AdditionalVersionWeights") or {}
    return found


def chosen_version(alias: Alias, draw: float) -> str:
    """Return the version for one invocation; `draw` is a random number from 0 on and less than 1."""
    for version, weight in weights(alias).items():
        if draw < weight:
            return version
        draw -= weight
    return str(alias["FunctionVersion"])


def refusal(alias: Alias, versions: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Say why an alias cannot point to two versions, given what there is by its number; None if it can.

    "Both versions must have the same execution role", "the same dead-letter queue configuration", "be published".
    """
    added = next(iter(weights(alias)), None)
    if added is None:
        return None
    numbers = (str(alias["FunctionVersion"]), added)
    if missing := [each for each in numbers if each not in versions]:
        return f"An alias with weights points to published versions alone, and {' and '.join(missing)} is none"
    one, other = (versions[each] for each in numbers)
    for name, said in (("Role", "execution role"), ("DeadLetterConfig", "dead-letter queue configuration")):
        if (one.get(name) or None) != (other.get(name) or None):
            return f"The versions {' and '.join(numbers)} have not the same {said}, so an alias cannot route to both"
    return None
