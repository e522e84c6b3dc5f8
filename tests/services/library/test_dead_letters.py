"""Dead letters are looked at, sent again and named when they are gone: with queues of the local cloud."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from services.library.operations.consumer import DeployedQueue, RedriveError
from services.library.operations.dead_letters import DeadLetterRedrive
from services.library.operations.records import RedriveVerdict
from services.library.operations.redrive import RedriveRequest

pytestmark = pytest.mark.cloud
ACCOUNT, REGION = "111111111111", "us-east-1"
SECRET = "Schmidt"
APPLY = RedriveRequest(applies=True)


class Queues:
    """A queue and its dead-letter queue, to which messages go that nobody could handle."""

    def __init__(self, cloud: LocalCloud, *, fifo: bool = False) -> None:
        self.sqs = cloud.client("sqs", ACCOUNT, REGION)
        kind = {"FifoQueue": "true"} if fifo else {}
        name = uuid.uuid4().hex[:8]
        suffix = ".fifo" if fifo else ""
        self.dead_letters, self.queue = (
            self.sqs.create_queue(QueueName=f"{each}-{name}{suffix}", Attributes={**kind, **more})["QueueUrl"]
            for each, more in (("dead", {"MessageRetentionPeriod": "1209600"}), ("work", {}))
        )
        self.redrive = DeadLetterRedrive(
            DeployedQueue(queue=self.queue, dead_letters=self.dead_letters), client=lambda _: self.sqs
        )

    def die(self, *bodies: str, **settings: Any) -> list[str]:
        """Put messages into the dead-letter queue; their ids."""
        sent = (self.sqs.send_message(QueueUrl=self.dead_letters, MessageBody=body, **settings) for body in bodies)
        return [each["MessageId"] for each in sent]

    def take(self) -> list[dict[str, Any]]:
        """Take what is in the queue."""
        found: list[dict[str, Any]] = []
        while answer := self.sqs.receive_message(
            QueueUrl=self.queue,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            found += answer
            for each in answer:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=each["ReceiptHandle"])
        return found

    def verdicts(self, request: RedriveRequest) -> list[RedriveVerdict]:
        return [each.verdict for each in self.redrive.run(request)]


@pytest.fixture
def queues(cloud: LocalCloud) -> Queues:
    return Queues(cloud)


def test_a_dry_run_names_each_message_and_leaves_it_where_others_see_it(queues: Queues) -> None:
    ids = queues.die(*(f"{SECRET} {number}" for number in range(12)))
    for _ in range(2):
        results = list(queues.redrive.run(RedriveRequest()))
        assert {each.verdict for each in results} == {RedriveVerdict.WOULD_SEND}
        assert sorted(each.source for each in results) == sorted(f"message {id_}" for id_ in ids)
        assert all("expires 20" in each.note and each.note.startswith("sent 20") for each in results)
        assert SECRET not in json.dumps([each.to_json() for each in results])
    assert queues.take() == []


def test_a_message_is_sent_again_as_it_was_and_is_no_dead_letter_any_more(queues: Queues) -> None:
    attributes = {"kind": {"DataType": "String", "StringValue": "x"}}
    queues.die("a", "b", MessageAttributes=attributes)
    assert queues.verdicts(APPLY) == [RedriveVerdict.SENT] * 2
    found = queues.take()
    assert sorted(each["Body"] for each in found) == ["a", "b"]
    assert [each["MessageAttributes"]["kind"]["StringValue"] for each in found] == ["x", "x"]
    assert queues.verdicts(APPLY) == []


def test_a_mended_body_is_sent_in_its_place_and_a_message_that_is_gone_has_expired(
    queues: Queues, tmp_path: Path
) -> None:
    first, second = queues.die("wrong", "right")
    saved = queues.redrive.save(tmp_path)
    assert {file.name: file.read_text() for file in saved} == {f"{first}.txt": "wrong", f"{second}.txt": "right"}
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in saved)
    mended = {f"{first}.txt": "m\u00e4nded".encode(), f"{uuid.uuid4()}.txt": b"too late"}
    results = list(queues.redrive.run(RedriveRequest(applies=True, mended=mended)))
    assert [each.verdict for each in results] == [RedriveVerdict.SENT] * 2 + [RedriveVerdict.EXPIRED]
    assert "no longer in the dead-letter queue" in results[-1].note
    assert sorted(each["Body"] for each in queues.take()) == ["m\u00e4nded", "right"]


def test_messages_of_a_group_keep_their_order_and_are_not_taken_for_ones_that_sqs_has(cloud: LocalCloud) -> None:
    queues = Queues(cloud, fifo=True)
    for number in range(3):
        queues.sqs.send_message(
            QueueUrl=queues.queue, MessageBody=str(number), MessageGroupId="g", MessageDeduplicationId=f"d-{number}"
        )
        queues.die(str(number), MessageGroupId="g", MessageDeduplicationId=f"d-{number}")
    assert [each["Body"] for each in queues.take()] == ["0", "1", "2"]
    assert queues.verdicts(APPLY) == [RedriveVerdict.SENT] * 3
    found = queues.take()
    assert [each["Body"] for each in found] == ["0", "1", "2"]
    assert {each["Attributes"]["MessageGroupId"] for each in found} == {"g"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (RedriveRequest(again=True), "--again and --since are for stream consumers"),
        (RedriveRequest(mended={"x.txt": b"\xff"}), "--mended: x.txt is not UTF-8; a message's body is text"),
    ],
)
def test_what_makes_no_sense_for_a_queue_is_refused(queues: Queues, request_: RedriveRequest, said: str) -> None:
    queues.die("a")
    with pytest.raises(RedriveError, match=said):
        list(queues.redrive.run(request_))
