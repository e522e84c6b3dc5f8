"""What was changed by hand in a deployed stack, by CloudFormation's drift detection."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.target import Target

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

IN_PROGRESS, FAILED = "DETECTION_IN_PROGRESS", "DETECTION_FAILED"
LONGEST = 900
"""Seconds for which a detection is waited for: it takes "up to several minutes", by its own page.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html
"""


@dataclass(frozen=True, kw_only=True)
class DriftedProperty:
    """One property that is not as the template says, both values as CloudFormation writes them."""

    path: str
    expected: str
    actual: str


@dataclass(frozen=True, kw_only=True)
class DriftedResource:
    """One resource that is not as the template says."""

    logical_id: str
    type: str
    is_deleted: bool
    properties: tuple[DriftedProperty, ...]


def detect(target: Target, stack: DeployedStack) -> list[DriftedResource]:
    """Have the drift of a stack detected, wait for it, and return what differs.

    Raises:
        OperateError: if it may not be asked for, or could not be detected.
    """
    client: CloudFormationClient = target.client("cloudformation", account=stack.account, region=stack.region)
    try:
        detection = client.detect_stack_drift(StackName=stack.stack)["StackDriftDetectionId"]
        _wait(client, detection, stack.stack, poll=target.poll_seconds)
        return [_resource(each) for each in _drifts(client, stack.stack)]
    except ClientError as error:
        raise OperateError(f"The drift of {stack.stack}: {error.response['Error']['Message']}") from error


def _wait(client: "CloudFormationClient", detection: str, stack: str, *, poll: float) -> None:
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        state = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if state["DetectionStatus"] == FAILED:
            why = state.get("DetectionStatusReason", "no reason given")
            raise OperateError(f"The drift of {stack} could not be detected: {why}")
        if state["DetectionStatus"] != IN_PROGRESS:
            return
        time.sleep(poll)
    raise OperateError(f"The drift of {stack} was not detected within {LONGEST} s.")


def _drifts(client: "CloudFormationClient", stack: str) -> Iterator[Any]:
    more: dict[str, Any] = {}
    while True:
        page = client.describe_stack_resource_drifts(
            StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"], **more
        )
        yield from page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def _resource(found: Any) -> DriftedResource:
    return DriftedResource(
        logical_id=found["LogicalResourceId"],
        type=found["ResourceType"],
        is_deleted=found["StackResourceDriftStatus"] == "DELETED",
        properties=tuple(
            DriftedProperty(
                path=each["PropertyPath"].strip("/").replace("/", "."),
                expected=each["ExpectedValue"],
                actual=each["ActualValue"],
            )
            for each in found.get("PropertyDifferences", [])
        ),
    )
