"""Kinesis Data Streams.

Emulated, by the emulator: streams, their records, shard iterators. Added: encryption and consumers in templates, the
four shards that an on-demand stream begins with, expiry that no reader notices.
Not emulated: splitting and merging shards, and another number of them by the API, lose what is in them; another
`ShardCount` in a template changes nothing; consumers share the throughput with all others.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it."""
    from pipeline.local.cloud.kinesis import patches, resources

    patches.size_on_demand_streams()
    patches.keep_iterators_while_records_expire()
    emulator.provide("AWS::Kinesis::Stream", resources.stream(emulator))
    emulator.provide("AWS::Kinesis::StreamConsumer", resources.consumer())
