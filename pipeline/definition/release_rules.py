"""What a stage's gate judges by, as a parameter of the pipeline's stack: no action changes with a freeze.

A change of the pipeline's actions cancels runs that wait for approval, and leaves no run to roll back to.
"""

from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from pipeline.catalogue.model import Stage, Wave
from pipeline.catalogue.problem import MistakeError
from pipeline.catalogue.release import release_of, requests_of, watched_services
from pipeline.definition.bootstrap_roles import bootstrap_role_arn
from services.library.contract.names import Bootstrap, release_alarm, release_parameter, stack_of

LONGEST_STANDARD, LONGEST = 4_096, 8_192
"""https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""


def add_parameter(scope: Construct, entry: Stage | Wave, *, pipeline: str, bootstrap: Bootstrap) -> None:
    """Add the parameter of a stage or wave; it may be without any rule."""
    stack = cdk.Stack.of(scope)
    text = stack.to_json_string(_rules(entry, stack, bootstrap))
    # Longer than what is deployed, by what CloudFormation puts together.
    length = len(str(stack.resolve(text)))
    if length > LONGEST:
        raise MistakeError(
            f"{entry.label} has {length:,} characters of windows, freezes and alarms, and a parameter holds"
            f" {LONGEST:,}; remove freezes that are over."
        )
    ssm.StringParameter(
        scope,
        f"Release-{entry.label}",
        parameter_name=release_parameter(pipeline, entry.label),
        string_value=text,
        description=f"When {entry.label} may be released to, by stages/",
        tier=ssm.ParameterTier.ADVANCED if length > LONGEST_STANDARD else ssm.ParameterTier.STANDARD,
    )


def lookup_roles(entry: Stage | Wave, stack: cdk.Stack, bootstrap: Bootstrap) -> set[str]:
    """Return the roles by which the gate looks at the alarms of a stage or wave."""
    return {each["role"] for each in _places(entry, stack, bootstrap)}


def _rules(entry: Stage | Wave, stack: cdk.Stack, bootstrap: Bootstrap) -> dict[str, Any]:
    release, bake = release_of(entry), release_of(entry).bake
    return {
        "windows": [{"hours": each.value.hours, "zone": each.value.zone, "who": each.who} for each in release.windows],
        "freezes": [
            {
                "begins": each.value.begins,
                "ends": each.value.ends,
                "zone": each.value.zone,
                "why": each.value.why,
                "who": each.who,
            }
            for each in release.freezes
        ],
        "alarms": [*_places(entry, stack, bootstrap)],
        "bake": {"minutes": bake.minutes, "requests": bake.requests} if bake else None,
    }


def _places(entry: Stage | Wave, stack: cdk.Stack, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """Yield the accounts and regions of the entry's stages, each with the alarms that block."""
    bake = release_of(entry).bake
    for stage in entry.stages:
        blockers = [each.value for each in release_of(stage).blockers]
        stacks = {each.name: each.stack_name(stage.environment) for each in watched_services(stage)}
        requests = requests_of(entry, stage)
        watched = {release_alarm(stage.label, name): count for name, count in requests.items() if name in stacks}
        if blockers or watched:
            account, region = stage.environment.account, stage.environment.region
            role = bootstrap_role_arn(stack, bootstrap, "lookup", account=account, region=region)
            place = {"account": account, "region": region, "role": role, "release": [*watched], "blockers": blockers}
            # What needs fewer requests than the bake asks for.
            fewer = {name: count for name, count in watched.items() if bake and count < bake.requests}
            # What was there before the platform has another name than its alarm's.
            adopted = {
                release_alarm(stage.label, name): stack_name
                for name, stack_name in stacks.items()
                if stack_name != stack_of(stage.label, name)
            }
            yield place | ({"requests": fewer} if fewer else {}) | ({"stacks": adopted} if adopted else {})
