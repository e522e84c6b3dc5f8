"""ingest as it runs in a local cloud, and submissions for it."""

import json
from dataclasses import dataclass
from typing import Any

from services.library.operations.consumer import DeployedConsumer, choose
from services.library.operations.redrive import Redrive
from tests.testbed.stacks import Deployed

PATIENTS = 7


def submission(number: int, **others: Any) -> dict[str, Any]:
    patient = f"p-{number % PATIENTS}"
    resource = {"resourceType": "Observation", "number": number}
    return {"id": f"s-{number}", "patient": patient, "resource": resource} | others


@dataclass(frozen=True)
class DeployedIngest:
    """The deployed service."""

    stack: Deployed

    @property
    def consumer(self) -> DeployedConsumer:
        found = choose(self.stack.outputs, named=None, stack=self.stack.name)
        assert isinstance(found, DeployedConsumer)
        return found

    def redrive(self) -> Redrive:
        return Redrive(self.consumer, client=self.stack.client)

    def put(self, records: list[tuple[str, bytes]]) -> None:
        """Key and data of each."""
        kinesis = self.stack.client("kinesis")
        for start in range(0, len(records), 500):
            answer = kinesis.put_records(
                StreamName=self.consumer.stream,
                Records=[{"PartitionKey": key, "Data": data} for key, data in records[start : start + 500]],
            )
            assert answer["FailedRecordCount"] == 0

    def items(self) -> dict[str, dict[str, Any]]:
        """Everything in the table, by id."""
        (table,) = self.stack.ids("AWS::DynamoDB::Table")
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return {item["id"]["S"]: item for page in pages for item in page["Items"]}

    def changes(self) -> dict[str, dict[str, Any]]:
        """Submission -> its item."""
        return {id_.removeprefix("effect#"): item for id_, item in self.items().items() if id_.startswith("effect#")}

    def quarantined(self) -> list[bytes]:
        return [pill.record.data for pill in self.redrive().quarantined()]

    def objects(self, bucket: str, prefix: str = "") -> int:
        pages = self.stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return sum(page.get("KeyCount", 0) for page in pages)

    def alarm(self, name: str) -> str:
        """The state of one of its alarms."""
        cloudwatch = self.stack.client("cloudwatch")
        names = [each for each in self.stack.ids("AWS::CloudWatch::Alarm") if name in each]
        (found,) = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        return str(found["StateValue"])

    def count_quarantine(self) -> None:
        """Call the consumer as its rule does every five minutes."""
        (rule,) = self.stack.ids("AWS::Events::Rule")
        (target,) = self.stack.client("events").list_targets_by_rule(Rule=rule)["Targets"]
        self.stack.client("lambda").invoke(FunctionName=target["Arn"], Payload=target["Input"].encode())

    def counted(self) -> list[int]:
        """How much waited in quarantine, each time that it was counted."""
        logs = self.stack.client("logs")
        groups = [each for each in self.stack.ids("AWS::Logs::LogGroup") if "Consumer" in each]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=groups[0])
        lines = [line for page in pages for event in page["events"] for line in event["message"].splitlines()]
        return [json.loads(line)["waiting"] for line in lines if '"quarantine counted"' in line]
