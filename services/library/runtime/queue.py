"""Works through a batch of a queue's messages: what fails comes again, and nothing else of its batch does.

Of a FIFO queue "your function should stop processing messages after the first failure and return all failed and
unprocessed messages": here for each message group by itself, within which order matters, so that one group that waits
holds up no other.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from .resilience import Context

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

FIELDS = ("messages", "handled", "message_id", "receives")
"""The extra fields of the log lines written here; a service allows them in its logger."""


class ItemFailure(TypedDict):
    """A message that is to be tried again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda reads: empty if everything is handled, else each message that is not."""

    batchItemFailures: list[ItemFailure]


@dataclass(frozen=True, kw_only=True)
class QueueMessage:
    """One message of a queue."""

    id: str
    body: str
    receives: int
    """How often it was received, this time included."""
    group: str
    """The message group, within which order matters; empty in a standard queue."""
    attributes: Mapping[str, str]
    """The message attributes that are texts or numbers, such as `name` of a queue API's request."""
    raw: Mapping[str, Any]
    """As Lambda passed it."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "QueueMessage":
        """Read one element of the event's `Records`."""
        said = raw.get("attributes", {})
        attributes = raw.get("messageAttributes", {})
        return cls(
            id=raw["messageId"],
            body=raw["body"],
            receives=int(said.get("ApproximateReceiveCount", 1)),
            group=said.get("MessageGroupId", ""),
            attributes={name: each["stringValue"] for name, each in attributes.items() if "stringValue" in each},
            raw=raw,
        )


@dataclass(frozen=True, kw_only=True)
class QueueProcessor:
    """Hands each message of a batch to `process`, and answers what is to be tried again."""

    process: Callable[[QueueMessage], None]
    """Must have the same effect however often it is called for one message. Raises whatever it likes to be called
    again, and in the end to have the message in the dead-letter queue."""
    logger: "Logger"
    reserve_milliseconds: int = 3_000
    """A message is begun only with this much time left: longer than the slowest one takes."""

    def run(self, event: Mapping[str, Any], context: Context) -> BatchResponse:
        """Process one event's messages."""
        messages = [QueueMessage.of(raw) for raw in event["Records"]]
        failed: list[QueueMessage] = []
        waiting: set[str] = set()
        """Message groups of which a message failed: those behind it wait."""
        for index, message in enumerate(messages):
            if context.get_remaining_time_in_millis() < self.reserve_milliseconds:
                self.logger.warning("no time left", extra={"messages": len(messages), "handled": index})
                failed += messages[index:]
                break
            if message.group in waiting or not self._handles(message):
                failed.append(message)
                waiting |= {message.group} - {""}
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in failed]}

    def _handles(self, message: QueueMessage) -> bool:
        """Process a message, and return whether it needs no further attempt."""
        try:
            self.process(message)
        except Exception:  # whatever it is, the message is tried again
            extra = {"message_id": message.id, "receives": message.receives}
            self.logger.exception("message failed", extra=extra)
            return False
        return True
