"""What mappings of streams measure.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.local.cloud.emulator import Emulator
from pipeline.local.cloud.eventsources.batches import StreamRecord
from pipeline.local.cloud.eventsources.mapping import is_table, stream_arn

EVENT_COUNT = "EventCount"
"""What a mapping's MetricsConfig names to have its events counted."""


class Metrics:
    """Records in the account and region of `here`."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def invoked(self, mapping: Mapping[str, Any], records: Sequence[StreamRecord], now: float) -> None:
        """Record how long the last record has been in the stream when the function gets it."""
        age = (now - records[-1].arrived) * 1000
        source = stream_arn(mapping["EventSourceArn"])
        measured = [("AWS/Lambda", "IteratorAge", {"FunctionName": mapping["FunctionName"]})]
        if not is_table(source):
            about = {"StreamName": source.rpartition("/")[2]}
            measured.append(("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", about))
        for namespace, name, about in measured:
            self.emulator.record_metric(namespace, name, age, "Milliseconds", about)
        self.count(mapping, "InvokedEventCount", len(records))

    def count(self, mapping: Mapping[str, Any], name: str, events: int) -> None:
        """Count a mapping's events, if it asks for that."""
        if EVENT_COUNT in ((mapping.get("MetricsConfig") or {}).get("Metrics") or []):
            about = {"EventSourceMappingUUID": mapping["UUID"]}
            self.emulator.record_metric("AWS/Lambda", name, events, "Count", about)
