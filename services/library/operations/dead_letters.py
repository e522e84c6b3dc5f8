"""Re-drive of a queue: sends what its worker gave up, the messages of its dead-letter queue, to the queue again.

A message is sent before it is deleted, so that an interruption loses none; it may come twice then, as from any queue.
While this works on a message, others do not see it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.library.operations.consumer import DeployedQueue, RedriveError
from services.library.operations.quarantine import save_payloads
from services.library.operations.records import RedriveResult, RedriveVerdict
from services.library.operations.redrive import RedriveRequest

HIDDEN_SECONDS = 120
"""How long a message that was looked at stays hidden from others if this is interrupted."""
PASSED_ON = ("AWSTraceHeader",)
"""System attributes that a sender may set."""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message in the dead-letter queue."""

    raw: Mapping[str, Any]
    """As SQS gives it."""
    retention: timedelta

    @property
    def id(self) -> str:
        """Return the message's id."""
        return str(self.raw["MessageId"])

    @property
    def file_name(self) -> str:
        """Return the name of the body's file in an operator's folder."""
        return f"{self.id}.txt"

    @property
    def note(self) -> str:
        """Return since when it is there and how long it stays, and nothing of what it says."""
        sent = datetime.fromtimestamp(int(self.raw["Attributes"]["SentTimestamp"]) / 1_000, UTC)
        return f"sent {sent:%Y-%m-%d %H:%M}, expires {sent + self.retention:%Y-%m-%d %H:%M} UTC"

    def result(self, verdict: RedriveVerdict, note: str = "") -> RedriveResult:
        """Return a verdict on the message."""
        return RedriveResult(verdict=verdict, source=f"message {self.id}", note=note)

    def again(self, body: str) -> dict[str, Any]:
        """Return the request that sends it again, with everything but the body as it was."""
        attributes = self.raw["Attributes"]
        request: dict[str, Any] = {"MessageBody": body, "MessageAttributes": self.raw.get("MessageAttributes", {})}
        passed_on = {name: attributes[name] for name in PASSED_ON if name in attributes}
        request["MessageSystemAttributes"] = {
            name: {"DataType": "String", "StringValue": value} for name, value in passed_on.items()
        }
        if "MessageGroupId" in attributes:
            request["MessageGroupId"] = attributes["MessageGroupId"]
        if "MessageDeduplicationId" in attributes:
            # Not the old one: within five minutes SQS would take the message for one that it has, and drop it.
            request["MessageDeduplicationId"] = self.id
        return request


class DeadLetterRedrive:
    """Sends the messages of one dead-letter queue again."""

    def __init__(self, deployed: DeployedQueue, *, client: Callable[[str], Any]) -> None:
        self.queue = deployed.queue
        self.dead_letters = deployed.dead_letters
        self.sqs = client("sqs")

    def run(self, request: RedriveRequest) -> Iterator[RedriveResult]:
        """Yield the verdict on each message, as it is reached."""
        if request.again or request.since is not None:
            raise RedriveError(
                "--again and --since are for stream consumers: a queue has nothing but its dead letters."
            )
        mended = {name: _text(name, payload) for name, payload in request.mended.items()}
        for message in self._read(gives_back=not request.applies):
            body = mended.pop(message.file_name, message.raw["Body"])
            yield (
                self._send(message, body)
                if request.applies
                else message.result(RedriveVerdict.WOULD_SEND, message.note)
            )
        for name in sorted(mended):
            yield RedriveResult(
                verdict=RedriveVerdict.EXPIRED,
                source=name,
                note="its message is no longer in the dead-letter queue: it was sent again, or its time was over",
            )

    def save(self, folder: Path) -> list[Path]:
        """Write each message's body to a file in a folder, to be mended."""
        bodies = ((message.file_name, message.raw["Body"].encode()) for message in self._read(gives_back=True))
        return save_payloads(bodies, folder)

    def _send(self, message: DeadLetter, body: str) -> RedriveResult:
        self.sqs.send_message(QueueUrl=self.queue, **message.again(body))
        self.sqs.delete_message(QueueUrl=self.dead_letters, ReceiptHandle=message.raw["ReceiptHandle"])
        return message.result(RedriveVerdict.SENT)

    def _read(self, *, gives_back: bool) -> Iterator[DeadLetter]:
        """Yield each message once. Those that are to be given back are hidden until all were looked at."""
        retention = self._retention()
        seen: dict[str, str] = {}
        try:
            while fresh := [each for each in self._receive() if each["MessageId"] not in seen]:
                for message in fresh:
                    seen[message["MessageId"]] = message["ReceiptHandle"]
                    yield DeadLetter(raw=message, retention=retention)
        finally:
            for receipt in seen.values() if gives_back else ():
                self.sqs.change_message_visibility(
                    QueueUrl=self.dead_letters, ReceiptHandle=receipt, VisibilityTimeout=0
                )

    def _receive(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.dead_letters,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def _retention(self) -> timedelta:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.dead_letters, AttributeNames=["MessageRetentionPeriod"])
        return timedelta(seconds=int(answer["Attributes"]["MessageRetentionPeriod"]))


def _text(name: str, payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise RedriveError(f"--mended: {name} is not UTF-8; a message's body is text.") from None
