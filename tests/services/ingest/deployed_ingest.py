"""ingest as it runs in a local cloud, and submissions for it."""

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
        return choose(self.stack.outputs, named=None, stack=self.stack.name)

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
