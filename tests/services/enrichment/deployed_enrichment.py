"""enrichment as it runs in a local cloud."""

import json
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events

from services.enrichment.service import EVENT_BUS_NAME
from services.library.contract.environment import Environment
from services.library.contract.service import ServiceStack
from tests.testbed.functions import until
from tests.testbed.stacks import Deployed


def offering(stage: cdk.Stage, here: Environment) -> cdk.Stack:
    """A bus in the place of ingest's."""
    stack = ServiceStack(stage, "offering", environment=here, description="What enrichment needs")
    EVENT_BUS_NAME.offer(stack, here, events.EventBus(stack, "Bus").event_bus_name)
    return stack


@dataclass(frozen=True)
class DeployedEnrichment:
    """The deployed service."""

    stack: Deployed

    @property
    def machine(self) -> str:
        (machine,) = self.stack.ids("AWS::StepFunctions::StateMachine")
        return machine

    def start(self, change: str, patient: str, *, trace: str | None = None) -> str:
        """What the rule does with an event; answers the execution."""
        detail = {"id": change, "patient": patient, "resource_type": "Observation", "version": 1}
        return self.start_with({"source": "penstock.ingest", "detail": detail | ({"trace": trace} if trace else {})})

    def start_with(self, event: Any) -> str:
        """With any event; answers the execution."""
        found: str = self.stack.client("stepfunctions").start_execution(
            stateMachineArn=self.machine, input=json.dumps(event)
        )["executionArn"]
        return found

    def closed(self, execution: str) -> dict[str, Any]:
        client = self.stack.client("stepfunctions")
        found: dict[str, Any] = until(
            lambda: client.describe_execution(executionArn=execution), lambda found: found["status"] != "RUNNING", 60
        )
        return found

    def executions(self) -> list[dict[str, Any]]:
        pages = self.stack.client("stepfunctions").get_paginator("list_executions")
        return [each for page in pages.paginate(stateMachineArn=self.machine) for each in page["executions"]]

    def items(self) -> dict[str, dict[str, Any]]:
        """Everything in the table, by id."""
        (table,) = self.stack.ids("AWS::DynamoDB::Table")
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return {item["id"]["S"]: item for page in pages for item in page["Items"]}

    def dead_letters(self) -> list[dict[str, Any]]:
        """What came since they were read last."""
        sqs = self.stack.client("sqs")
        (queue,) = [url for url in self.stack.ids("AWS::SQS::Queue") if "DeadLetters" in url]
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def logs(self) -> str:
        """Everything that its functions have written. (In sandboxes, and there alone, workflows log their inputs.)"""
        client = self.stack.client("logs")
        pages = client.get_paginator("filter_log_events")
        groups = [group for group in self.stack.ids("AWS::Logs::LogGroup") if "Workflow" not in group]
        events = (event for group in groups for page in pages.paginate(logGroupName=group) for event in page["events"])
        return "\n".join(event["message"] for event in events)
