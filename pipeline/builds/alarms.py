"""Alarms of stages, read in their accounts by the role that `cdk bootstrap` made for looking."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.builds import assumed_role

NAMES_AT_ONCE = 100
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""
KINDS = ("CompositeAlarm", "MetricAlarm")
ALARM, UNKNOWN = "ALARM", "INSUFFICIENT_DATA"


def client(place: Mapping[str, Any], session: str) -> Any:
    """Return a client of CloudWatch in a stage's account and region."""
    return assumed_role.client("cloudwatch", role=place["role"], region=place["region"], session=session)


def read(cloudwatch: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return name -> alarm, as DescribeAlarms has it; of those that there are."""
    found: dict[str, Any] = {}
    for start in range(0, len(names), NAMES_AT_ONCE):
        wanted = list(names[start : start + NAMES_AT_ONCE])
        answer = cloudwatch.describe_alarms(AlarmNames=wanted, AlarmTypes=list(KINDS), MaxRecords=NAMES_AT_ONCE)
        for kind in KINDS:
            found |= {each["AlarmName"]: each for each in answer.get(f"{kind}s", [])}
    return found


def blocking(place: Mapping[str, Any]) -> Iterator[str]:
    """Yield why the alarms of one account and region let no release begin.

    A service's own release alarm is deployed with it, so it is missing before the first deployment; one that somebody
    named is not. One that is missing or has too little data does not fire, but is said.
    """
    found = read(client(place, "release-gate"), [*place["release"], *place["blockers"]])
    where = f"{place['account']}, {place['region']}"
    for name in (*place["release"], *place["blockers"]):
        if name in found and found[name]["StateValue"] == ALARM:
            yield f"alarm {name} fires in {where}: {found[name].get('StateReason', 'no reason given')}"
        elif name in found and found[name]["StateValue"] == UNKNOWN:
            sys.stdout.write(f"Alarm {name} in {where} has too little data to say whether it should fire.\n")
        elif name not in found and name in place["blockers"]:
            yield f"alarm {name} is not in {where}; make it, or take it from release.blockers"
        elif name not in found:
            sys.stdout.write(f"Alarm {name} is not in {where}, as before the first deployment of its service.\n")
