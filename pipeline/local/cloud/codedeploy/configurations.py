"""How fast traffic is shifted: the predefined deployment configurations and those of templates. Pure.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

PREFIX = "CodeDeployDefault.Lambda"
ALL_AT_ONCE = f"{PREFIX}AllAtOnce"


class Step(NamedTuple):
    """A part of a shift."""

    percentage: int
    """What the new version gets of the traffic."""
    minutes: int
    """How long until the next one."""


def canary(percentage: int, minutes: int) -> dict[str, Any]:
    """Return "traffic shifted in two increments" as the API describes it."""
    return {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"canaryPercentage": percentage, "canaryInterval": minutes},
    }


def linear(percentage: int, minutes: int) -> dict[str, Any]:
    """Return "traffic shifted in equal increments" as the API describes it."""
    return {
        "type": "TimeBasedLinear",
        "timeBasedLinear": {"linearPercentage": percentage, "linearInterval": minutes},
    }


PREDEFINED: Mapping[str, Mapping[str, Any]] = {
    ALL_AT_ONCE: {"type": "AllAtOnce"},
    **{f"{PREFIX}Canary10Percent{minutes}Minutes": canary(10, minutes) for minutes in (5, 10, 15, 30)},
    f"{PREFIX}Linear10PercentEvery1Minute": linear(10, 1),
    **{f"{PREFIX}Linear10PercentEvery{minutes}Minutes": linear(10, minutes) for minutes in (2, 3, 10)},
}
"""By their names, as the API describes their traffic routing."""


def steps(routing: Mapping[str, Any]) -> Iterator[Step]:
    """Yield what comes before all of the traffic is shifted: nothing, where it is shifted all at once."""
    if found := routing.get("timeBasedCanary"):
        yield Step(int(found["canaryPercentage"]), int(found["canaryInterval"]))
    if found := routing.get("timeBasedLinear"):
        share, minutes = int(found["linearPercentage"]), int(found["linearInterval"])
        yield from (Step(percentage, minutes) for percentage in range(share, 100, share))
