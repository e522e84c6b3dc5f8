"""How full a queue is, as SQS tells of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.local.cloud.cloudwatch.queues import Gauges

OLDEST = {
    "MetricName": "ApproximateAgeOfOldestMessage",
    "Dimensions": [{"Name": "QueueName", "Value": "work"}],
}


def age(receives: int, *, is_fifo: bool) -> Any:
    queue = {"is_fifo": is_fifo, "messages": [{"sent_at": 10.0, "receive_count": receives}, {"sent_at": 90.0}]}
    emulator: Any = SimpleNamespace(here=lambda: ("1", "eu-west-1"), queue=lambda _arn: queue)
    points = Gauges(emulator).points(OLDEST, 100.0)
    assert points is not None
    return points[-1]["Value"]


@pytest.mark.parametrize(("receives", "is_fifo", "expected"), [(2, False, 90.0), (3, False, 10.0), (3, True, 90.0)])
def test_the_age_passes_over_a_message_that_was_received_three_times(
    receives: int, is_fifo: bool, expected: float
) -> None:
    """Documented: "if a message is received three or more times and not deleted [...] The metric then reflects the age
    of the next message that hasn't exceeded the receive threshold", and "FIFO queues don't reorder messages"
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
    """
    assert age(receives, is_fifo=is_fifo) == expected
