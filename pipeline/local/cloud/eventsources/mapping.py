"""What an event source mapping may say, and what it means: its limits, its defaults, its settings. Pure.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

from collections.abc import Mapping
from typing import Any

from pipeline.local.cloud.eventsources.batches import FOREVER, Reading, Settings

Json = dict[str, Any]
REPORTS = "ReportBatchItemFailures"
LATEST, HORIZON, AT_TIMESTAMP = "LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"
STREAM_RANGES = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "MaximumRecordAgeInSeconds": (-1, 604_800),
    "MaximumRetryAttempts": (-1, 10_000),
    "ParallelizationFactor": (1, 10),
}
SHORTEST_AGE_SECONDS = 60
QUEUE_RANGES = {"BatchSize": (1, 10_000), "MaximumBatchingWindowInSeconds": (0, 300)}
FIFO_RANGES = {"BatchSize": (1, 10), "MaximumBatchingWindowInSeconds": (0, 0)}
BATCH_WITHOUT_WINDOW = 10
STREAMS_ONLY = (
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "StartingPosition",
)
STREAM_DEFAULTS: Json = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}
QUEUE_DEFAULTS: Json = {"BatchSize": 10}
LEFT_OUT: Json = {
    "Enabled": True,
    "FilterCriteria": None,
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "MetricsConfig": None,
    "ScalingConfig": None,
}
"""What settings of either kind come to when a template no longer has them."""


def is_stream(arn: str) -> bool:
    """Tell whether a mapping reads a Kinesis stream."""
    return arn.split(":")[2:3] == ["kinesis"]


def is_queue(arn: str) -> bool:
    """Tell whether a mapping reads an SQS queue."""
    return arn.split(":")[2:3] == ["sqs"]


def is_table(arn: str) -> bool:
    """Tell whether a mapping reads the stream of a DynamoDB table."""
    return arn.split(":")[2:3] == ["dynamodb"]


def stream_arn(arn: str) -> str:
    """Return the stream of a stream's or a consumer's ARN: `...:stream/name/consumer/name:number`."""
    return arn.partition("/consumer/")[0]


def defaults(arn: str) -> Json:
    """Return what AWS answers for settings that were left out."""
    return STREAM_DEFAULTS if is_stream(arn) else QUEUE_DEFAULTS if is_queue(arn) else {}


def problem(mapping: Mapping[str, Any]) -> str | None:
    """Say why Lambda does not take such a mapping; `mapping` is complete, with its source's ARN."""
    arn = str(mapping.get("EventSourceArn", ""))
    if not is_stream(arn) and not is_queue(arn):
        return None
    if mapping.get("TumblingWindowInSeconds"):
        return "The local cloud has no tumbling windows: TumblingWindowInSeconds must be 0 or left out."
    ranges = STREAM_RANGES if is_stream(arn) else FIFO_RANGES if arn.endswith(".fifo") else QUEUE_RANGES
    for name, (least, most) in ranges.items():
        value = mapping.get(name)
        if value is not None and not least <= int(value) <= most:
            return f"{name} is {value}. For this event source it is {least} to {most}."
    return _stream_problem(mapping) if is_stream(arn) else _queue_problem(mapping)


def _stream_problem(mapping: Mapping[str, Any]) -> str | None:
    age = int(mapping.get("MaximumRecordAgeInSeconds") or -1)
    if 0 <= age < SHORTEST_AGE_SECONDS:
        return f"MaximumRecordAgeInSeconds is {age}. It is -1 or at least {SHORTEST_AGE_SECONDS}."
    position = mapping.get("StartingPosition")
    if position not in {LATEST, HORIZON, AT_TIMESTAMP}:
        return f"StartingPosition is {position}. For a stream it is {LATEST}, {HORIZON} or {AT_TIMESTAMP}."
    if position == AT_TIMESTAMP and mapping.get("StartingPositionTimestamp") is None:
        return f"StartingPositionTimestamp is missing, which {AT_TIMESTAMP} needs."
    if mapping.get("ScalingConfig"):
        return "ScalingConfig is for Amazon SQS event sources only."
    return None


def _queue_problem(mapping: Mapping[str, Any]) -> str | None:
    given = [name for name in STREAMS_ONLY if name in mapping]
    if given:
        return f"{given[0]} is for streams only."
    size, window = int(mapping.get("BatchSize") or 0), int(mapping.get("MaximumBatchingWindowInSeconds") or 0)
    if size > BATCH_WITHOUT_WINDOW and not window:
        return f"BatchSize is {size}. Above {BATCH_WITHOUT_WINDOW}, MaximumBatchingWindowInSeconds must be at least 1."
    return None


def stream_settings(mapping: Mapping[str, Any], *, retention_hours: float, reading: Reading) -> Settings:
    """Return a stream mapping in the units of the decisions."""
    return Settings(
        batch_size=int(mapping.get("BatchSize") or STREAM_DEFAULTS["BatchSize"]),
        window_seconds=float(mapping.get("MaximumBatchingWindowInSeconds") or 0),
        bisects=bool(mapping.get("BisectBatchOnFunctionError")),
        retries=_or_forever(mapping.get("MaximumRetryAttempts")),
        record_age_seconds=_or_forever(mapping.get("MaximumRecordAgeInSeconds")),
        retention_seconds=retention_hours * 3600,
        reports_failures=REPORTS in (mapping.get("FunctionResponseTypes") or []),
        parallelization=int(mapping.get("ParallelizationFactor") or 1),
        reading=reading,
    )


def _or_forever(value: Any) -> float:
    return FOREVER if value is None or int(value) < 0 else float(value)
