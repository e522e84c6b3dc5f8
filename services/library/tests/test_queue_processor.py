"""What a batch of a queue's messages leads to: failed messages come again, and order holds within a message group."""

import io
from collections.abc import Collection
from typing import Any

from aws_lambda_powertools import Logger

from services.library.runtime.logging import AllowedFields
from services.library.runtime.queue import FIELDS, QueueMessage, QueueProcessor
from services.library.tests.test_stream_processor import Clock

SECRET = "Schmidt"


def raw(number: int, group: str = "") -> dict[str, Any]:
    return {
        "messageId": f"m{number}",
        "body": f"{SECRET} {number}",
        "attributes": {"ApproximateReceiveCount": "2", **({"MessageGroupId": group} if group else {})},
        "messageAttributes": {
            "name": {"stringValue": "n", "dataType": "String"},
            "bytes": {"binaryValue": "AA==", "dataType": "Binary"},
        },
    }


class Worker:
    """Fails for the messages that it is told, and notes the others."""

    def __init__(self, failing: Collection[str] = ()) -> None:
        self.failing, self.done, self.log = failing, list[str](), io.StringIO()

    def work(self, message: QueueMessage) -> None:
        if message.id in self.failing:
            raise ValueError(message.body)
        self.done.append(message.id)

    def run(self, *records: dict[str, Any], clock: Clock | None = None) -> list[str]:
        """Work on a batch; the ids of those that come again."""
        logger = Logger(service=f"test-{id(self)}", stream=self.log, logger_formatter=AllowedFields(FIELDS))
        processor = QueueProcessor(process=self.work, logger=logger)
        answer = processor.run({"Records": list(records)}, clock or Clock())
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_only_what_failed_comes_again() -> None:
    worker = Worker({"m2"})
    assert worker.run(raw(1), raw(2), raw(3)) == ["m2"]
    assert worker.done == ["m1", "m3"]


def test_behind_a_failed_message_its_group_waits_and_no_other() -> None:
    worker = Worker({"m1"})
    assert worker.run(raw(1, "a"), raw(2, "b"), raw(3, "a"), raw(4, "b")) == ["m1", "m3"]
    assert worker.done == ["m2", "m4"]


def test_without_time_the_rest_comes_again_untried() -> None:
    worker = Worker()
    assert worker.run(raw(1), raw(2), raw(3), clock=Clock(milliseconds=4_000, each=600)) == ["m2", "m3"]
    assert worker.done == ["m1"]


def test_a_message_has_what_its_sender_said() -> None:
    message = QueueMessage.of(raw(1, "a"))
    assert (message.id, message.body, message.receives, message.group) == ("m1", f"{SECRET} 1", 2, "a")
    assert message.attributes == {"name": "n"}


def test_the_log_of_a_failure_has_no_payload() -> None:
    worker = Worker({"m1"})
    worker.run(raw(1))
    assert '"message_id":"m1"' in worker.log.getvalue()
    assert SECRET not in worker.log.getvalue()
