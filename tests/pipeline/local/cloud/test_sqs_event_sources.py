"""Queues call functions as Lambda documents it.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.consumers import Consumer, Queue
from tests.testbed.functions import until
from tests.testbed.killing import kill

pytestmark = pytest.mark.cloud

_numbers = itertools.count()
REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
SHORT = {"VisibilityTimeout": "1"}
FreshCloud = Callable[..., LocalCloud]


@pytest.fixture
def consumer(cloud: LocalCloud, tmp_path: Path) -> Consumer:
    return Consumer(cloud=cloud, folder=tmp_path).make(Timeout=1)


@pytest.fixture
def queue(cloud: LocalCloud) -> Queue:
    return Queue(cloud, f"queue-{next(_numbers)}", **SHORT)


def in_any_order(batches: list[list[int]]) -> list[int]:
    return sorted(number for batch in batches for number in batch)


def test_a_message_that_was_processed_is_deleted(queue: Queue, consumer: Consumer) -> None:
    consumer.map(queue.arn)
    queue.send([{"n": 0}])
    consumer.until(lambda batches: batches == [[0]])
    until(queue.counts, lambda counts: counts == (0, 0))
    ((record,),) = [note["records"] for note in consumer.notes()]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == queue.arn
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert set(record) == {
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfBody",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    }


def test_a_failed_batch_comes_again_after_the_visibility_timeout(queue: Queue, consumer: Consumer) -> None:
    """Documented: "if Lambda encounters an error at any point while processing a batch, all messages in that batch
    return to the queue. After the visibility timeout, the messages become visible to Lambda again."
    """
    began = time.monotonic()
    queue.send([{"n": 0, "do": "raise"}])
    consumer.map(queue.arn)
    consumer.until(lambda batches: batches == [[0], [0]])
    assert time.monotonic() - began >= 1.0
    consumer.mend()
    until(queue.counts, lambda counts: counts == (0, 0))


def test_only_the_messages_that_are_reported_come_again(queue: Queue, consumer: Consumer) -> None:
    """Documented: "Lambda makes only the failed messages visible again"."""
    queue.send([{"n": 0}, {"n": 1, "do": "report"}, {"n": 2}])
    consumer.map(queue.arn, **REPORTS)
    batches = consumer.until(lambda batches: len(batches) > 1)
    assert batches[:2] == [[0, 1, 2], [1]]
    consumer.mend()


@pytest.mark.parametrize("answer", ["garbage", "text"])
def test_an_answer_that_is_none_fails_the_whole_batch(queue: Queue, consumer: Consumer, answer: str) -> None:
    """Documented as complete failures: "an invalid JSON response", "an empty string itemIdentifier"."""
    queue.send([{"n": 0}, {"n": 1, "do": answer}])
    consumer.map(queue.arn, **REPORTS)
    batches = consumer.until(lambda batches: len(batches) > 1)
    assert batches[:2] == [[0, 1], [0, 1]]
    consumer.mend()


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(cloud: LocalCloud, consumer: Consumer) -> None:
    """maxReceiveCount: "the number of times a consumer can receive a message before it is moved to a dead-letter queue"
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html).
    """
    dead = Queue(cloud, f"dead-{next(_numbers)}")
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    queue = Queue(cloud, f"queue-{next(_numbers)}", RedrivePolicy=policy, **SHORT)
    queue.send([{"n": 0, "do": "exit"}])
    consumer.map(queue.arn)
    assert dead.take(1) == [{"n": 0, "do": "exit"}]
    assert consumer.batches() == [[0], [0]]


def test_a_window_gathers_messages_over_the_limit_of_ten(cloud: LocalCloud, consumer: Consumer) -> None:
    queue = Queue(cloud, f"queue-{next(_numbers)}")  # what is gathered stays invisible while all are sent
    consumer.map(queue.arn, BatchSize=25, MaximumBatchingWindowInSeconds=300)
    queue.send([{"n": number} for number in range(24)])
    assert consumer.batches() == []
    queue.send([{"n": 24}])
    assert consumer.until(bool) == [[*range(25)]]


def test_no_more_batches_are_under_way_than_the_mapping_allows(
    queue: Queue, consumer: Consumer, cloud: LocalCloud
) -> None:
    """MaximumConcurrency: "limits the number of concurrent instances of the function that an SQS event source can
    invoke".
    """
    queue.send([{"n": number, "seconds": 0.1} for number in range(8)])
    consumer.map(queue.arn, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    consumer.until(lambda batches: in_any_order(batches) == [*range(8)])
    spans = sorted((note["began"], note["ended"]) for note in consumer.notes())
    assert max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans) == 2


def test_messages_of_a_group_keep_their_order(cloud: LocalCloud, consumer: Consumer) -> None:
    """Documented: "Amazon SQS ensures that messages in the same group are delivered to Lambda in order"; a message that
    failed holds up its group alone.
    """
    queue = Queue(cloud, f"queue-{next(_numbers)}.fifo", FifoQueue="true", ContentBasedDeduplication="true", **SHORT)
    queue.send([{"n": 0, "do": "report"}, {"n": 1}, {"n": 2}], MessageGroupId="stuck")
    queue.send([{"n": 10}, {"n": 11}], MessageGroupId="free")
    consumer.map(queue.arn, BatchSize=1, **REPORTS)
    consumer.until(lambda batches: [11] in batches and batches.count([0]) > 1)
    assert not {1, 2} & set(consumer.given())
    consumer.mend()
    consumer.until(lambda batches: [2] in batches)
    assert list(dict.fromkeys(number for number in consumer.given() if number < 10)) == [0, 1, 2]
    assert [number for number in consumer.given() if number >= 10] == [10, 11]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"BatchSize": 11}, "MaximumBatchingWindowInSeconds must be at least 1"),
        ({"MaximumRetryAttempts": 3}, "MaximumRetryAttempts is for streams only"),
        ({"StartingPosition": "LATEST"}, "StartingPosition is for streams only"),
    ],
)
def test_a_wrong_setting_is_refused_and_named(
    queue: Queue, consumer: Consumer, wrong: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError, match=named) as refused:
        consumer.map(queue.arn, **wrong)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_a_queue_must_hide_messages_for_as_long_as_the_function_runs(
    cloud: LocalCloud, queue: Queue, tmp_path: Path
) -> None:
    slow = Consumer(cloud=cloud, folder=tmp_path).make(Timeout=60)
    with pytest.raises(ClientError, match="1 seconds is less than Function timeout: 60 seconds"):
        slow.map(queue.arn)


def test_a_kill_of_the_emulator_loses_no_message_under_way(fresh_cloud: FreshCloud, tmp_path: Path) -> None:
    cloud = fresh_cloud()
    consumer = Consumer(cloud=cloud, folder=tmp_path).make(Timeout=1)
    queue = Queue(cloud, "queue", VisibilityTimeout="2")
    queue.send([{"n": 0, "do": "raise"}])
    consumer.map(queue.arn)
    consumer.until(bool)
    cloud.save()
    kill(cloud)
    consumer.mend()
    before = len(consumer.batches())
    fresh_cloud()
    assert consumer.until(lambda batches: len(batches) > before)[before:] == [[0]]


def test_without_the_service_a_malformed_answer_deletes_the_messages(fresh_cloud: FreshCloud, tmp_path: Path) -> None:
    cloud = fresh_cloud(without=("eventsources",))
    consumer = Consumer(cloud=cloud, folder=tmp_path).make(Timeout=1)
    queue = Queue(cloud, "queue", **SHORT)
    queue.send([{"n": 0, "do": "garbage"}])
    consumer.map(queue.arn, **REPORTS)
    consumer.until(bool)
    until(queue.counts, lambda counts: counts == (0, 0))
