"""intake in a local cloud, with a service beside it that offers what it needs and does nothing else."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from pipeline.local.lifecycle import LocalCloud
from services.intake.service import CLAIMS_BUCKET_NAME, CLAIMS_KEY_ARN, STREAM_ARN, STREAM_KEY_ARN, STREAM_NAME, Intake
from services.library.contract.environment import Environment
from services.library.contract.service import ServiceStack
from services.library.runtime.trace import TraceContext
from tests.testbed.functions import until
from tests.testbed.signed import SignedApi
from tests.testbed.stacks import Deployed, deploy, environment

PLENTY = {"rate_limit": 10_000, "burst_limit": 5_000}


def offering(stage: cdk.Stage, here: Environment) -> cdk.Stack:
    stack = ServiceStack(stage, "offering", environment=here, description="What intake needs")
    key = kms.Key(stack, "Key")
    stream = kinesis.Stream(stack, "Stream", shard_count=1)
    bucket = s3.Bucket(stack, "Claims", encryption_key=key)
    for published, value in (
        (STREAM_NAME, stream.stream_name),
        (STREAM_ARN, stream.stream_arn),
        (STREAM_KEY_ARN, key.key_arn),
        (CLAIMS_BUCKET_NAME, bucket.bucket_name),
        (CLAIMS_KEY_ARN, key.key_arn),
    ):
        published.offer(stack, here, value)
    cdk.CfnOutput(stack, "StreamName", value=stream.stream_name)
    cdk.CfnOutput(stack, "Bucket", value=bucket.bucket_name)
    return stack


class DeployedIntake:
    """What a test asks of it."""

    def __init__(self, cloud: LocalCloud, folder: Path, name: str, **settings: Any) -> None:
        here = environment(name)

        def build(stage: cdk.Stage) -> None:
            offered = offering(stage, here)
            Intake(**PLENTY | settings).deploy(stage, here).add_dependency(offered)

        stacks = deploy(cloud, folder, build, environment=here)
        self.offering, self.stack = stacks["offering"], stacks["intake"]
        self.api = SignedApi(cloud=cloud, url=self.stack.outputs["Url"])
        (self.machine,) = self.stack.ids("AWS::StepFunctions::StateMachine")

    def on(self, cloud: LocalCloud) -> "DeployedIntake":
        """Return the deployment in a cloud that was started again."""
        again = object.__new__(DeployedIntake)
        again.offering = Deployed(cloud=cloud, name=self.offering.name, outputs=self.offering.outputs)
        again.stack = Deployed(cloud=cloud, name=self.stack.name, outputs=self.stack.outputs)
        again.api = SignedApi(cloud=cloud, url=self.api.url)
        again.machine = self.machine
        return again

    def execution(self, id_: str) -> dict[str, Any]:
        arn = f"{self.machine.replace(':stateMachine:', ':execution:')}:{id_}"
        found: dict[str, Any] = self.stack.client("stepfunctions").describe_execution(executionArn=arn)
        return found

    def closed(self, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = until(lambda: self.execution(id_), lambda found: found["status"] != "RUNNING", 60)
        return found

    def executions(self) -> list[dict[str, Any]]:
        pages = self.stack.client("stepfunctions").get_paginator("list_executions")
        found = pages.paginate(stateMachineArn=self.machine)
        return [execution for page in found for execution in page["executions"]]

    def ending(self, name: str) -> dict[str, Any]:
        """How an execution ended: its state, its error and its cause."""
        found = self.stack.client("stepfunctions").describe_execution(
            executionArn=self.machine.replace(":stateMachine:", ":execution:") + f":{name}"
        )
        return {each: found.get(each) for each in ("name", "status", "error", "cause")}

    def records(self) -> list[tuple[str, dict[str, Any]]]:
        """Everything on the stream: partition key and data, less the trace that each carries."""
        client, name = self.stack.client("kinesis"), self.offering.outputs["StreamName"]
        (shard,) = client.list_shards(StreamName=name)["Shards"]
        iterator = client.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: list[tuple[str, dict[str, Any]]] = []
        while True:
            page = client.get_records(ShardIterator=iterator, Limit=10_000)
            found += [(record["PartitionKey"], _without_trace(record["Data"])) for record in page["Records"]]
            iterator = page.get("NextShardIterator")
            if not page["Records"] or not iterator:
                return found

    def keep(self, item: dict[str, str]) -> None:
        """Put an item into the table of submissions, as an earlier execution did."""
        (table,) = self.stack.ids("AWS::DynamoDB::Table")
        content = {name: {"S": value} for name, value in item.items()}
        self.stack.client("dynamodb").put_item(TableName=table, Item=content)

    def start(self, name: str, text: str) -> None:
        """Start an execution with an input of one's own."""
        self.stack.client("stepfunctions").start_execution(stateMachineArn=self.machine, name=name, input=text)

    def items(self) -> dict[str, dict[str, Any]]:
        """Every kept submission, by id."""
        (table,) = self.stack.ids("AWS::DynamoDB::Table")
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        return {item["id"]["S"]: item for page in pages for item in page["Items"]}

    def dead_letter(self, id_: str) -> dict[str, Any]:
        """What an operator finds of a failed submission."""
        sqs = self.stack.client("sqs")
        (queue,) = [url for url in self.stack.ids("AWS::SQS::Queue") if "DeadLetters" in url]

        def look() -> list[dict[str, Any]]:
            messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            return [found for message in messages if (found := json.loads(message["Body"]))["id"] == id_]

        found: dict[str, Any] = until(look, bool)[0]
        return found


def _without_trace(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data)
    assert TraceContext.from_traceparent(found.pop("trace"))
    return found
