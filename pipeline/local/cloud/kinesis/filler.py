"""Kinesis where the emulator lacks something: encryption and consumers in templates, expiry that no reader notices.

What stays as it is: splitting and merging shards, and another number of them by the API, lose what is in them; another
`ShardCount` in a template changes nothing.
"""

import time
from typing import Any

from pipeline.local.cloud.emulator import Emulator
from pipeline.local.cloud.kinesis import resources

Json = dict[str, Any]
ON_DEMAND_SHARDS = 4
"""https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html: what such a stream begins with."""


def install(emulator: Emulator) -> None:
    """Complete it."""
    kinesis: Any = emulator.module("kinesis")
    emulator.replace(kinesis, "_expire_records", lambda stream: expire(kinesis, stream, time.time()))
    create = emulator.replace(kinesis, "_create_stream", lambda data: create(_sized(data)))
    emulator.provide("AWS::Kinesis::Stream", resources.stream(emulator))
    emulator.provide("AWS::Kinesis::StreamConsumer", resources.consumer(emulator))


def expire(kinesis: Any, stream: Json, now: float) -> None:
    """Drop what is older than the stream keeps; iterators stay where they are in the shard.

    The emulator copies every shard for that with each record that is put, and counts iterators from the first one kept.
    """
    oldest = now - stream["RetentionPeriodHours"] * 3600
    for name, shard in stream["shards"].items():
        records = shard["records"]
        if not records or records[0]["ApproximateArrivalTimestamp"] >= oldest:
            continue
        kept = [record for record in records if record["ApproximateArrivalTimestamp"] >= oldest]
        shard["records"] = kept
        for iterator in kinesis._shard_iterators.values():  # noqa: SLF001 - the emulator offers no other seam
            if iterator["stream"] == stream["StreamName"] and iterator["shard_id"] == name:
                iterator["position"] = max(0, iterator["position"] - (len(records) - len(kept)))


def _sized(request: Json) -> Json:
    on_demand = (request.get("StreamModeDetails") or {}).get("StreamMode") == "ON_DEMAND"
    return {**request, "ShardCount": ON_DEMAND_SHARDS} if on_demand and "ShardCount" not in request else request
