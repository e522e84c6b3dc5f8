"""Watch a stage after its deployment: the last action of the stage, whose failure has CodePipeline roll it back.

For as long as the release says the alarm of each service must not fire, and each service must have had requests: a
bake that nobody called proves nothing. One that asks for no requests says of whom it proves nothing. It has no
checkout: the action's build has the text of this file, and of those that it imports.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import boto3

from pipeline.builds import alarms, assumed_role, release_rules
from pipeline.builds.clock import Clock

SESSION = "release-bake"
LOOK_EACH = timedelta(minutes=1)
REQUESTS = "requests"
"""The id of the metric of requests in an alarm (services/library/constructs/release_alarm.py)."""
WATCHED = re.compile(r"ALARM\(\"?(?:arn:[^:\"]+:cloudwatch:[^:\"]+:\d+:alarm:)?([^\")]+)\"?\)")
"""Each alarm that a composite alarm's rule names."""
MINUTE_SECONDS = 60
TOLD_TIMES = 20
"""How often at most a bake says how far it is."""
NEVER_UPDATED = "CREATE_COMPLETE"
FIRST = timedelta(hours=12)
"""How long before the bake at most a stack was created by the deployment that bakes."""
BEFORE = timedelta(minutes=15)
"""How long before the bake a request counts, if it came after the deployment."""


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 if no alarm has fired until the end, and every service has had its requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", required=True, help="the parameter that has the release's rules")
    parser.add_argument("--stage", required=True)
    chosen = parser.parse_args(arguments)
    clock = Clock()
    rules = release_rules.read(boto3.client("ssm"), chosen.rules, clock)
    bake, places = rules["bake"], rules["alarms"]
    begun = clock.now()
    sys.stdout.write(f"{chosen.stage} bakes for {bake['minutes']} minutes, from {begun:%H:%M} UTC.\n")
    problems = _watch(clock, places, begun, timedelta(minutes=bake["minutes"]))
    if not problems:
        problems = [said for place in places for said in _without_requests(place, bake["requests"], begun, clock)]
    for problem in problems:
        sys.stdout.write(f"  {problem}\n")
    sys.stdout.write(f"{chosen.stage} {'is not what it should be' if problems else 'has baked'}.\n")
    return 1 if problems else 0


def _watch(clock: Clock, places: Sequence[Mapping[str, Any]], begun: datetime, lasts: timedelta) -> list[str]:
    """Look at every alarm until the time is over or one fires; returns why it ended early."""
    told = timedelta()
    while True:
        baked = clock.now() - begun
        problems = [f"{said}, {_shown(baked)} into the bake" for place in places for said in _firing(place)]
        if problems or baked >= lasts:
            return problems
        if baked - told >= lasts / TOLD_TIMES:
            sys.stdout.write(f"  {_shown(baked)} into the bake, and no alarm fires\n")
            told = baked
        clock.wait(min(LOOK_EACH, lasts - baked))


def _firing(place: Mapping[str, Any]) -> Iterator[str]:
    found = alarms.read(alarms.client(place, SESSION), place["release"])
    for name in place["release"]:
        if name not in found:
            yield f"alarm {name} is not in {place['account']}, {place['region']}, where its stack is deployed"
        elif found[name]["StateValue"] == alarms.ALARM:
            yield f"alarm {name} fires in {place['account']}, {place['region']}"


def _without_requests(place: Mapping[str, Any], asked: int, begun: datetime, clock: Clock) -> Iterator[str]:
    """Yield each service that has had fewer requests than are wanted, but for one that was just deployed first."""
    cloudwatch = alarms.client(place, SESSION)
    cloudformation = assumed_role.client("cloudformation", role=place["role"], region=place["region"], session=SESSION)
    for name in place["release"]:
        wanted = place.get("requests", {}).get(name, asked)
        stack_name = place.get("stacks", {}).get(name, name.removesuffix("-release"))
        (stack,) = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
        # Its probes come before the bake, and after its deployment.
        since = max(begun - BEFORE, stack.get("LastUpdatedTime", stack["CreationTime"]))
        had = _requests(cloudwatch, name, since, clock.now() - clock.skipped)
        if had >= wanted or _is_new(stack, begun):
            sys.stdout.write(f"  {stack['StackName']}: {had} requests{_note(had, wanted)}\n")
        else:
            yield (
                f"{stack['StackName']} had {had} of {wanted} requests, so that its alarm proves nothing:"
                " have a probe or a client call it, bake for longer, or ask for fewer (release.bake)"
            )


def _is_new(stack: Mapping[str, Any], begun: datetime) -> bool:
    """Return whether this deployment made the stack, which is so described until one changes it."""
    return bool(stack["StackStatus"] == NEVER_UPDATED and stack["CreationTime"] > begun - FIRST)


def _note(had: int, wanted: int) -> str:
    if had < wanted:
        return ", and nobody could call it before this deployment, its first"
    return "" if had else ", so that its alarm proves nothing; none are asked for (release.bake)"


def _requests(cloudwatch: Any, name: str, since: datetime, until: datetime) -> int:
    """Return how many requests the busiest part of a service had: one passes through several."""
    (alarm,) = alarms.read(cloudwatch, [name]).values()
    watched = alarms.read(cloudwatch, sorted(set(WATCHED.findall(alarm["AlarmRule"]))))
    queries = [
        {"Id": f"requests{number}", "MetricStat": {**metric["MetricStat"], "Period": MINUTE_SECONDS}}
        for number, metric in enumerate(
            metric for each in watched.values() for metric in each.get("Metrics", []) if metric["Id"] == REQUESTS
        )
    ]
    # Whole minutes: CloudWatch counts by them, and the last one is not over yet.
    begins, ends = since.replace(second=0, microsecond=0), until + timedelta(minutes=1)
    counts: dict[str, float] = {}
    for page in cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=begins, EndTime=ends
    ):
        for found in page["MetricDataResults"]:
            counts[found["Id"]] = counts.get(found["Id"], 0) + sum(found["Values"])
    return int(max(counts.values(), default=0))


def _shown(duration: timedelta) -> str:
    minutes = int(duration.total_seconds()) // MINUTE_SECONDS
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
