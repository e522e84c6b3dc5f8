"""Lambda's event source mappings of Kinesis streams, streams of DynamoDB's tables, and SQS queues.

Emulated: batches and windows, parallelization, filters, bisecting, retries, ages, partial failures, on-failure
destinations, checkpoints that survive a kill (`batches.py` and `shards.py` decide); of queues concurrency, partial
failures, visibility. A table's stream has one shard, and forgets after 24 hours.
Not emulated: tumbling windows, enhanced fan-out, provisioned pollers, Kafka, MQ, DocumentDB.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Take the place of the emulator's pollers."""
    from pipeline.local.cloud.eventsources import patches, resources
    from pipeline.local.cloud.eventsources.api import Mappings

    mappings = Mappings(emulator)
    patches.stop_pollers()
    patches.hear_of_work(mappings.wake)
    emulator.provide("AWS::Lambda::EventSourceMapping", resources.mapping(emulator, mappings))
    emulator.at_start.append(mappings.begin)
