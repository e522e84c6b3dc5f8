"""Functions that note what they are given and fail as their records say, for the tests of event sources."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.functions import ACCOUNT, REGION, Functions, until
from tests.testbed.roles import letting_in

Json = dict[str, Any]
CODE = """
import base64, json, os, time

NOTES, MENDED = os.environ["NOTES"], os.environ["MENDED"]

def item(record):
    return json.loads(base64.b64decode(record["kinesis"]["data"]) if "kinesis" in record else record["body"])

def name(record):
    return record["kinesis"]["sequenceNumber"] if "kinesis" in record else record["messageId"]

def handle(event, context):
    began = time.time()
    records = event["Records"]
    items = [item(record) for record in records]
    time.sleep(max((each.get("seconds", 0) for each in items), default=0))
    note = {"numbers": [each["n"] for each in items], "records": records, "began": began, "ended": time.time()}
    with open(NOTES, "a") as notes:
        notes.write(json.dumps(note) + "\\n")
    wrong = [] if os.path.exists(MENDED) else [i for i, each in enumerate(items) if each.get("do")]
    for index in wrong:
        if items[index]["do"] == "raise":
            raise ValueError("poison")
        if items[index]["do"] == "exit":
            os._exit(1)
    answers = {"garbage": {"batchItemFailures": [{"itemIdentifier": ""}]}, "text": "no answer"}
    for index in wrong:
        if items[index]["do"] in answers:
            return answers[items[index]["do"]]
    return {"batchItemFailures": [{"itemIdentifier": name(records[index])} for index in wrong]}
"""


@dataclass(kw_only=True)
class Consumer:
    """One such function in a cloud, and what it was given."""

    cloud: LocalCloud
    folder: Path
    name: str = ""
    mappings: list[str] = field(default_factory=list)

    def make(self, **settings: Any) -> "Consumer":
        variables = {"NOTES": str(self.folder / "notes"), "MENDED": str(self.folder / "mended")}
        self.name = Functions(self.cloud).make(CODE, Environment={"Variables": variables}, **settings)
        return self

    def map(self, source: str, **settings: Any) -> str:
        made = self.cloud.client("lambda", ACCOUNT, REGION).create_event_source_mapping(
            FunctionName=self.name, EventSourceArn=source, **settings
        )
        self.mappings.append(made["UUID"])
        return str(made["UUID"])

    def mend(self) -> None:
        """From now on every record is processed."""
        (self.folder / "mended").touch()

    def notes(self) -> list[Json]:
        file = self.folder / "notes"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def batches(self) -> list[list[int]]:
        """The numbers of each invocation's records."""
        return [note["numbers"] for note in self.notes()]

    def given(self) -> list[int]:
        return [number for batch in self.batches() for number in batch]

    def until(self, done: Callable[[list[list[int]]], bool]) -> list[list[int]]:
        found: list[list[int]] = until(self.batches, done)
        return found


@dataclass(kw_only=True)
class Stream:
    """A Kinesis stream."""

    cloud: LocalCloud
    name: str
    shards: int = 1

    def make(self) -> "Stream":
        self.client.create_stream(StreamName=self.name, ShardCount=self.shards)
        return self

    @property
    def client(self) -> Any:
        return self.cloud.client("kinesis", ACCOUNT, REGION)

    @property
    def arn(self) -> str:
        return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{self.name}"

    def put(self, items: Iterable[Json]) -> list[str]:
        """Put records in order, each with its `key` if it says one; returns their sequence numbers."""
        entries = [{"Data": json.dumps(item).encode(), "PartitionKey": str(item.get("key", "k"))} for item in items]
        answer = self.client.put_records(StreamName=self.name, Records=entries)
        return [record["SequenceNumber"] for record in answer["Records"]]


class Queue:
    """An SQS queue that services may deliver to."""

    def __init__(self, cloud: LocalCloud, name: str, **attributes: str) -> None:
        self.client = cloud.client("sqs", ACCOUNT, REGION)
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        services = ("events.amazonaws.com", "sns.amazonaws.com", "s3.amazonaws.com")
        policy = letting_in(*services, action="sqs:SendMessage", resource=self.arn)
        asked = {"Policy": policy, **attributes}
        self.url = self.client.create_queue(QueueName=name, Attributes=asked)["QueueUrl"]

    def send(self, items: Iterable[Json], **settings: Any) -> None:
        for item in items:
            self.client.send_message(QueueUrl=self.url, MessageBody=json.dumps(item), **settings)

    def take(self, count: int, *, seconds: float = 20) -> list[Any]:
        """Wait for so many messages and delete them; their bodies, from JSON."""
        found: list[Any] = []
        deadline = time.monotonic() + seconds
        while len(found) < count:
            assert time.monotonic() < deadline, f"only {found}"
            answer = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def counts(self) -> tuple[int, int]:
        """Visible and hidden messages."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])
