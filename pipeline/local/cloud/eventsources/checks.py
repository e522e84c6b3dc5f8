"""What Lambda asks of a function's role before it maps a source to the function.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html#events-kinesis-permissions
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html#events-dynamodb-permissions
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.local.cloud.eventsources.mapping import is_queue, is_stream, is_table, stream_arn

May = Callable[[str, str], bool]
"""Tells whether the function's role may do an action on a resource."""
OF_QUEUES = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
OF_STREAMS = ("kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream")
OF_CONSUMED_STREAMS = ("kinesis:DescribeStreamSummary",)
OF_CONSUMERS = ("kinesis:SubscribeToShard",)
OF_TABLES = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
OF_ALL_TABLES = "dynamodb:ListStreams"
TO_DESTINATIONS = {"sqs": ("SendMessage", "SQS"), "sns": ("Publish", "SNS")}
NO_STREAM = (
    "Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, "
    "ListShards, and ListStreams Actions on your stream in Kinesis."
)

NO_TABLE = (
    "Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, "
    "and ListStreams Actions on your stream in IAM."
)


def permission_problem(mapping: Mapping[str, Any], may: May) -> str | None:
    """Say why Lambda does not take a mapping whose function may not read its source, or write where failures go."""
    return next(_problems(mapping, may), None)


def _problems(mapping: Mapping[str, Any], may: May) -> Iterator[str]:
    source = str(mapping.get("EventSourceArn", ""))
    if is_queue(source):
        for action in OF_QUEUES:
            if not may(action, source):
                yield _not_permitted(action.partition(":")[2], "SQS")
    if is_stream(source):
        consumed = "/consumer/" in source
        wanted = [(action, stream_arn(source)) for action in (OF_CONSUMED_STREAMS if consumed else OF_STREAMS)]
        wanted += [(action, source) for action in OF_CONSUMERS if consumed]
        if not all(may(action, arn) for action, arn in wanted):
            yield NO_STREAM.format(arn=source)
    if is_table(source) and not (all(may(action, source) for action in OF_TABLES) and may(OF_ALL_TABLES, "*")):
        yield NO_TABLE.format(arn=source)
    destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or ""
    service = destination.split(":")[2] if destination.count(":") >= 5 else ""
    if service in TO_DESTINATIONS:
        action, called = TO_DESTINATIONS[service]
        if not may(f"{service}:{action}", destination):
            yield _not_permitted(action, called)


def _not_permitted(action: str, service: str) -> str:
    return f"The provided execution role does not have permissions to call {action} on {service}"
