"""What of the emulator's Kinesis is replaced: expiry, and the shards of an on-demand stream."""

import json
import time

from ministack.services import kinesis

from pipeline.local.cloud.emulator import AwsError, Json, replace

ON_DEMAND_SHARDS = 4
"""https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html: what such a stream begins with."""


def size_on_demand_streams() -> None:
    """Create an on-demand stream with as many shards as on AWS."""
    create = replace(kinesis, "_create_stream", lambda data: create(_sized(data)))


def _sized(request: Json) -> Json:
    on_demand = (request.get("StreamModeDetails") or {}).get("StreamMode") == "ON_DEMAND"
    return {**request, "ShardCount": ON_DEMAND_SHARDS} if on_demand and "ShardCount" not in request else request


def keep_iterators_while_records_expire() -> None:
    """Drop what is older than a stream keeps; iterators stay where they are in the shard.

    The emulator copies every shard for that with each record that is put, and counts iterators from the first one kept.
    """
    replace(kinesis, "_expire_records", lambda stream: _expire(stream, time.time()))


def _expire(stream: Json, now: float) -> None:
    oldest = now - stream["RetentionPeriodHours"] * 3600
    for name, shard in stream["shards"].items():
        records = shard["records"]
        if not records or records[0]["ApproximateArrivalTimestamp"] >= oldest:
            continue
        kept = [record for record in records if record["ApproximateArrivalTimestamp"] >= oldest]
        shard["records"] = kept
        for iterator in kinesis._shard_iterators.values():  # noqa: SLF001 - the emulator offers no other way
            if iterator["stream"] == stream["StreamName"] and iterator["shard_id"] == name:
                iterator["position"] = max(0, iterator["position"] - (len(records) - len(kept)))


def stream(name: str) -> Json:
    """Return the emulator's own record of a stream of `here`."""
    found: Json = kinesis._streams[name]  # noqa: SLF001 - as above
    return found


def register_consumer(request: Json) -> Json:
    """RegisterStreamConsumer."""
    status, _, body = kinesis._register_consumer(request)  # noqa: SLF001 - as above
    answer: Json = json.loads(body)
    if status >= 400:
        raise AwsError(answer["__type"], answer["message"])
    made: Json = answer["Consumer"]
    return made


def deregister_consumer(arn: str) -> None:
    """DeregisterStreamConsumer."""
    kinesis._deregister_consumer({"ConsumerARN": arn})  # noqa: SLF001 - as above
