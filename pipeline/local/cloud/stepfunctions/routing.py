"""Which version an execution of an alias runs, and what an alias may route to. Pure.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachineAlias.html: "Step Functions
randomly chooses which version runs a given execution based on the percentage you specify."
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Route = Mapping[str, Any]

NAME = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"
LONGEST_NAME = 80
WHOLE = 100
"""The weights of an alias together, in percent."""
MOST_ROUTES = 2
ONE_INVALID = "1 validation error detected: Value"


def route(version: str, weight: int = WHOLE) -> dict[str, Any]:
    """Return a part of a routing configuration."""
    return {"stateMachineVersionArn": version, "weight": weight}


def versions_of(routing: Iterable[Route]) -> list[str]:
    """List the ARNs of the versions that are routed to."""
    return [str(each.get("stateMachineVersionArn", "")) for each in routing]


def chosen_version(routing: Sequence[Route], draw: float) -> str:
    """Return the ARN of the version for one execution; `draw` is a random number from 0 on and less than 100."""
    for each in routing:
        if draw < each["weight"]:
            return str(each["stateMachineVersionArn"])
        draw -= each["weight"]
    return versions_of(routing)[-1]


def name_refusal(name: str) -> str | None:
    """Say why an alias cannot be called so; None if it can."""
    if len(name) > LONGEST_NAME:
        constraint = f"Member must have length less than or equal to {LONGEST_NAME}"
    elif not re.fullmatch(NAME, name):
        constraint = f"Member must satisfy regular expression pattern: {NAME}"
    else:
        return None
    return f"{ONE_INVALID} '{name}' at 'name' failed to satisfy constraint: {constraint}"


def routing_refusal(routing: Sequence[Route]) -> str | None:
    """Say why an alias cannot have a routing configuration, whatever versions there are; None if it can.

    "The sum of the weights in the routing configuration must be equal to 100." "If you specify the ARN of a second
    version, it must belong to the same state machine as the first version."
    """
    versions, weights = versions_of(routing), [each.get("weight", 0) for each in routing]
    told = f"Received: [{', '.join(versions)}]"
    if not 1 <= len(routing) <= MOST_ROUTES:
        return (
            f"{ONE_INVALID} at 'routingConfiguration' failed to satisfy constraint: Member must have length less than"
            f" or equal to {MOST_ROUTES}"
        )
    if any(not version.rpartition(":")[2].isdecimal() for version in versions):
        return f"Routing configuration must contain state machine version ARNs. {told}"
    if len({*versions}) < len(versions):
        return f"Routing configuration must contain distinct state machine version ARNs. {told}"
    if len({machine_of(version) for version in versions}) > 1:
        return f"Routing configuration must contain versions of the same state machine. {told}"
    if any(not 0 <= weight <= WHOLE for weight in weights) or sum(weights) != WHOLE:
        return f"Sum of routing configuration weights must equal {WHOLE}. Received: [{', '.join(map(str, weights))}]"
    return None


def machine_of(qualified: str) -> str:
    """Return the ARN of the state machine that a version or an alias is of."""
    return qualified.rpartition(":")[0]
