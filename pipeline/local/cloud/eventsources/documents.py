"""The JSON that Lambda makes of records: events for functions, and what destinations are told. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.local.cloud.eventsources.batches import Discarded, Failed, NotInvoked, StreamRecord

Json = dict[str, Any]


def stream_event(record: StreamRecord, *, shard: str, stream: str, region: str, role: str) -> Json:
    """Return one record as a function gets it; a table's stream has it so already."""
    if isinstance(record.data, Mapping):
        return dict(record.data)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record.partition_key,
            "sequenceNumber": record.sequence_number,
            "data": record.data,
            "approximateArrivalTimestamp": record.arrived,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{record.sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role,
        "awsRegion": region,
        "eventSourceARN": stream,
    }


def sequence_number(event: Mapping[str, Any]) -> str:
    """Return the sequence number of a record as a function gets it."""
    return str(event["dynamodb"]["SequenceNumber"] if "dynamodb" in event else event["kinesis"]["sequenceNumber"])


def invocation_record(discarded: Discarded, *, function: str, shard: str, stream: str, now: float) -> Json:
    """Make what a queue or a topic is told of discarded records: where they are, not what they say."""
    first, last, answer = discarded.records[0], discarded.records[-1], discarded.answer
    document: Json = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function,
            "condition": discarded.condition,
            "approximateInvokeCount": discarded.invocations,
        },
        "version": "1.0",
        "timestamp": instant(now),
        "DDBStreamBatchInfo" if ":dynamodb:" in stream else "KinesisBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": instant(first.arrived),
            "approximateArrivalOfLastRecord": instant(last.arrived),
            "batchSize": len(discarded.records),
            "streamArn": stream,
        },
    }
    if answer is not None and not isinstance(answer, NotInvoked):
        response: Json = {"statusCode": 200, "executedVersion": "$LATEST"}
        if isinstance(answer, Failed):
            response["functionError"] = answer.function_error
        document["responseContext"] = response
    return document


def with_records(document: Json, events: Iterable[Json]) -> Json:
    """Make what a bucket gets: the document, and the event with the records."""
    return {**document, "payload": {"Records": list(events)}}


def object_key(mapping: str, shard: str, now: float) -> str:
    """Documented: `aws/lambda/<ESM-UUID>/<shardID>/YYYY-MM-DDTHH.MM.SS-<Random UUID>`."""
    moment = time.strftime("%Y-%m-%dT%H.%M.%S", time.gmtime(now))
    return f"aws/lambda/{mapping}/{shard}/{moment}-{uuid.uuid4()}"


def instant(seconds: float) -> str:
    """Return a moment as these documents write it, to the millisecond."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds * 1000) % 1000:03d}Z"


def queue_event(message: Mapping[str, Any], *, queue: str, account: str, region: str) -> Json:
    """Return one message as a function gets it."""
    attributes = {
        "ApproximateReceiveCount": str(message["receive_count"]),
        "SentTimestamp": str(int(message["sent_at"] * 1000)),
        "SenderId": account,
        "ApproximateFirstReceiveTimestamp": str(int(message["first_receive_at"] * 1000)),
    }
    optional = {
        "AWSTraceHeader": (message.get("sys") or {}).get("AWSTraceHeader"),
        "DeadLetterQueueSourceArn": (message.get("sys") or {}).get("DeadLetterQueueSourceArn"),
        "MessageGroupId": message.get("group_id"),
        "MessageDeduplicationId": message.get("dedup_id"),
        "SequenceNumber": message.get("seq"),
    }
    attributes |= {name: str(value) for name, value in optional.items() if value is not None}
    return {
        "messageId": message["id"],
        "receiptHandle": message["receipt_handle"],
        "body": message["body"],
        "attributes": attributes,
        "messageAttributes": {
            name: {f"{key[:1].lower()}{key[1:]}": part for key, part in value.items()}
            for name, value in (message.get("message_attributes") or {}).items()
        },
        "md5OfBody": message.get("md5_body") or "",
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": region,
    }


def failed_messages(value: Any, ids: frozenset[str]) -> frozenset[str]:
    """Return which messages of a batch failed, by the function's answer; all of them when it is not as documented.

    "Lambda treats a batch as a complete success if your function returns: an empty batchItemFailures list; a null
    batchItemFailures list; an empty EventResponse; a null EventResponse." And "as a complete failure if your function
    returns: an invalid JSON response; an empty string itemIdentifier; a null itemIdentifier; an itemIdentifier with a
    bad key name; an itemIdentifier value with a message ID that doesn't exist".
    """
    if value is None or value in ("", {}):
        return frozenset()
    if not isinstance(value, Mapping):
        return ids
    items = value.get("batchItemFailures")
    if items is None:
        return frozenset()
    if not isinstance(items, list):
        return ids
    found = [item.get("itemIdentifier") if isinstance(item, Mapping) else None for item in items]
    if not all(isinstance(name, str) and name in ids for name in found):
        return ids
    return frozenset(str(name) for name in found)
