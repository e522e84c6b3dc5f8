"""How full queues are, measured while an alarm looks at them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator, Json

NAMESPACE = "AWS/SQS"
KEPT = 7200
"""Measurements: those of an hour, if a queue is never quiet."""
POISON_RECEIVES = 3
"""From so many receives on, the age of the oldest message passes over a message of a standard queue."""
EQUAL_SECONDS = 1.0
"""How long a value stands for those that follow it and are the same."""


class Gauges:
    """Measures the queues that alarms are about; what it measured before a restart is not kept."""

    def __init__(self, emulator: "Emulator") -> None:
        self.emulator = emulator
        self.series: dict[tuple[str, str, str, str], deque[Json]] = {}

    def points(self, metric: Mapping[str, Any], now: float) -> "deque[Json] | None":
        """Measure a metric of a queue of `here`, and return all that was measured; None if it is not one of these."""
        name = str(metric.get("MetricName"))
        queue_name = next((part["Value"] for part in metric.get("Dimensions") or [] if part["Name"] == "QueueName"), "")
        account, region = self.emulator.here()
        queue = self.emulator.queue(f"arn:aws:sqs:{region}:{account}:{queue_name}")
        value = None if queue is None else self._value(name, queue, now)
        if value is None:
            return None
        found = self.series.setdefault((account, region, queue_name, name), deque(maxlen=KEPT))
        last = found[-1] if found else None
        if last is None or last["Value"] != value or now - last["Timestamp"] >= EQUAL_SECONDS:
            found.append({"Timestamp": now, "Value": value})
        return found

    def _value(self, name: str, queue: "Json", now: float) -> float | None:
        messages = queue["messages"]
        if name == "ApproximateAgeOfOldestMessage":
            counted = (each for each in messages if queue["is_fifo"] or each.get("receive_count", 0) < POISON_RECEIVES)
            return max((now - message.get("sent_at", now) for message in counted), default=0.0)
        hidden = [message for message in messages if message.get("visible_at", 0.0) > now]
        delayed = sum(not message.get("receive_count") for message in hidden)
        counts = {
            "ApproximateNumberOfMessagesVisible": len(messages) - len(hidden),
            "ApproximateNumberOfMessagesNotVisible": len(hidden) - delayed,
            "ApproximateNumberOfMessagesDelayed": delayed,
        }
        count = counts.get(name)
        return None if count is None else float(count)
