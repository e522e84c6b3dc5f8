"""`AWS::CloudWatch::Alarm` with metric math, which the emulator refuses, and `AWS::CloudWatch::CompositeAlarm`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html
"""

import time

from pipeline.local.cloud.cloudwatch import patches
from pipeline.local.cloud.emulator import Emulator, Json, ResourceType

KEPT = ("StateReason", "StateUpdatedTimestamp", "StateValue")
SUPPRESSOR = "ActionsSuppressor"
COPIED = (
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "InsufficientDataActions",
    "OKActions",
    "TreatMissingData",
)


def alarm(emulator: Emulator) -> ResourceType:
    """Make alarms: the emulator's way, or ours for metric math."""
    theirs = emulator.provided("AWS::CloudWatch::Alarm")

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        if not properties.get("Metrics"):
            return theirs.create(logical_id, properties, stack_name)
        name = properties.get("AlarmName") or emulator.physical_name(stack_name, logical_id, longest=255)
        return put(str(name), properties)

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        if not new.get("Metrics"):
            return theirs.update(physical_id, old, new, stack_name)
        return put(str(new.get("AlarmName") or physical_id), new)

    def put(name: str, properties: Json) -> tuple[str, Json]:
        account, region = emulator.here()
        arn = f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
        record = {
            "AlarmName": name,
            "AlarmArn": arn,
            "Metrics": properties["Metrics"],
            "EvaluationPeriods": int(properties.get("EvaluationPeriods", 1)),
            "Threshold": float(properties["Threshold"]),
            "ActionsEnabled": properties.get("ActionsEnabled", True) not in {False, "false"},
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": int(time.time()),
            "AlarmConfigurationUpdatedTimestamp": int(time.time()),
            "Dimensions": [],
        }
        record |= {key: properties[key] for key in COPIED if key in properties}
        if "DatapointsToAlarm" in properties:
            record["DatapointsToAlarm"] = int(properties["DatapointsToAlarm"])
        before = patches.alarm(name) or {}
        record |= {key: before[key] for key in KEPT if key in before}
        patches.put_alarm(record)
        return name, {"Arn": arn}

    return ResourceType(create=create, update=update, delete=theirs.delete)


def composite_alarm(emulator: Emulator) -> ResourceType:
    """Make composite alarms, which the emulator has in its API alone; another name replaces one."""

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        name = properties.get("AlarmName") or emulator.physical_name(stack_name, logical_id, longest=255)
        return put(str(name), properties)

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del old, stack_name
        return put(str(new.get("AlarmName") or physical_id), new)

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        patches.delete_alarm(physical_id)

    def put(name: str, properties: Json) -> tuple[str, Json]:
        if SUPPRESSOR in properties:
            raise ValueError(f"{SUPPRESSOR} is not emulated: the actions of a composite alarm are always taken")
        enabled = properties.get("ActionsEnabled", True) not in {False, "false"}
        request = {"Tags": [], **properties, "AlarmName": name, "ActionsEnabled": enabled}
        return name, {"Arn": patches.put_composite_alarm(request)}

    return ResourceType(create=create, update=update, delete=delete)
