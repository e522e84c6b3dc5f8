"""Which alarms of deployed services fire."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack, resources
from pipeline.operate.target import Target

ALARM = "AWS::CloudWatch::Alarm"
NAMES_AT_ONCE = 100
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""


@dataclass(frozen=True, kw_only=True)
class FiringAlarm:
    """An alarm that fires now."""

    stage: str
    service: str
    says: str
    """Its description: which one it is, and the page that says what to do."""
    name: str
    since: datetime


def firing(target: Target, services: Iterable[DeployedStack]) -> Iterator[FiringAlarm]:
    """Yield every alarm of these services that fires; a service that is not deployed has none."""
    for deployed in services:
        if deployed.status:
            yield from _of(target, deployed)


def _of(target: Target, deployed: DeployedStack) -> Iterator[FiringAlarm]:
    client: Any = target.client("cloudwatch", account=deployed.account, region=deployed.region)
    names = [physical for _, physical in resources(target, deployed, ALARM)]
    for start in range(0, len(names), NAMES_AT_ONCE):
        try:
            wanted = names[start : start + NAMES_AT_ONCE]
            found = client.describe_alarms(AlarmNames=wanted, StateValue="ALARM", MaxRecords=NAMES_AT_ONCE)
        except ClientError as error:
            raise OperateError(f"The alarms of {deployed.stack}: {error.response['Error']['Message']}") from error
        for each in found["MetricAlarms"]:
            yield FiringAlarm(
                stage=deployed.stage,
                service=deployed.service,
                says=each.get("AlarmDescription", each["AlarmName"]),
                name=each["AlarmName"],
                since=each["StateUpdatedTimestamp"],
            )
