"""What one service publishes reaches the worker of another, through the library's constructs as they are deployed."""

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from pipeline.local.lifecycle import LocalCloud
from services.library.constructs.event_publisher import EventPublisher
from services.library.constructs.event_subscriber import EventSubscriber, EventSubscription
from services.library.constructs.function import FunctionSettings
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue_worker import QueueWorker, QueueWorkerSettings
from services.library.contract.service import ServiceStack
from tests.testbed import runtime_code
from tests.testbed.functions import until
from tests.testbed.stacks import HERE, Deployed, deploy

pytestmark = pytest.mark.cloud

CODE = """
import json

def handle(event, context):
    with open({notes!r}, "a") as notes:
        for record in event["Records"]:
            notes.write(record["body"] + "\\n")
    return {{"batchItemFailures": []}}
"""


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notes") / "notes"


@pytest.fixture(scope="module")
def changes(cloud: LocalCloud, notes: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    def build(stage: cdk.Stage) -> None:
        stack = ServiceStack(stage, "Changes", environment=HERE, description="A publisher and a subscriber")
        key = Key(stack, "Key", environment=HERE, description="Events")
        alarms = NotificationTopic(stack, "Alarms", environment=HERE)
        publisher = EventPublisher(stack, "Publisher", environment=HERE, encryption_key=key, alarms_to=alarms)
        with runtime_code.packaged():
            worker = QueueWorker(
                stack,
                "Worker",
                environment=HERE,
                encryption_key=key,
                alarms_to=alarms,
                settings=QueueWorkerSettings(
                    function=FunctionSettings(handler=runtime_code.HANDLER, description="Notes")
                ),
            )
        function = worker.function.function.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        function.code = lambda_.CfnFunction.CodeProperty(zip_file=CODE.format(notes=str(notes)))
        function.handler = "index.handle"
        EventSubscriber(
            stack,
            "Subscriber",
            bus=publisher.bus,
            subscription=EventSubscription(source="ingest", detail_types=("PatientChanged",)),
            target=worker.queue,
            encryption_key=key,
            alarms_to=alarms,
        )
        cdk.CfnOutput(stack, "Bus", value=publisher.bus.event_bus_name)

    return deploy(cloud, tmp_path_factory.mktemp("changes"), build)["Changes"]


def test_the_alarms_watch_the_rule_by_its_name(changes: Deployed) -> None:
    (rule,) = changes.client("events").list_rules(EventBusName=changes.outputs["Bus"])["Rules"]
    pages = changes.client("cloudwatch").get_paginator("describe_alarms").paginate()
    watched = [
        {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        for alarm in pages.search("MetricAlarms")
        if alarm.get("Namespace") == "AWS/Events"
    ]
    assert {"EventBusName": changes.outputs["Bus"], "RuleName": rule["Name"]} in watched


def test_the_worker_gets_what_it_subscribed_to_and_nothing_else(changes: Deployed, notes: Path) -> None:
    entries = [
        {
            "EventBusName": changes.outputs["Bus"],
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps({"n": number}),
        }
        for number, (source, detail_type) in enumerate(
            [
                ("ingest", "PatientMerged"),
                ("another", "PatientChanged"),
                ("ingest", "PatientChanged"),
                ("ingest", "PatientChanged"),
            ]
        )
    ]
    assert changes.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0

    def handled() -> list[int]:
        lines = notes.read_text().splitlines() if notes.exists() else []
        return sorted(json.loads(line)["detail"]["n"] for line in lines)

    assert until(handled, lambda found: len(found) >= 2) == [2, 3]


def test_an_event_that_the_buss_key_no_longer_encrypts_is_in_the_buss_dead_letter_queue(
    changes: Deployed, notes: Path
) -> None:
    """What the queue is for: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html"""
    bus = changes.client("events").describe_event_bus(Name=changes.outputs["Bus"])
    entry = {"EventBusName": bus["Name"], "Source": "ingest", "DetailType": "PatientChanged", "Detail": '{"n": 9}'}
    keys, queues = changes.client("kms"), changes.client("sqs")
    queue = queues.get_queue_url(QueueName=bus["DeadLetterConfig"]["Arn"].rpartition(":")[2])["QueueUrl"]
    keys.disable_key(KeyId=bus["KmsKeyIdentifier"])
    try:
        assert changes.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
        (message,) = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    finally:
        keys.enable_key(KeyId=bus["KmsKeyIdentifier"])
    event = json.loads(message["Body"])
    assert (event["source"], event["detail"]) == ("ingest", {"n": 9})
    assert '"n": 9' not in (notes.read_text() if notes.exists() else "")
