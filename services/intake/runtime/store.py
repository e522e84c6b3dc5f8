"""Where submissions are kept, handed over and uploaded to. The one module here that knows AWS."""

import json
from typing import Any

import boto3
from botocore.config import Config

from services.library.runtime import aws_client
from services.library.runtime.aws_errors import Busy, RefusedByAws, call
from services.library.runtime.content import content_digest
from services.library.runtime.trace import TraceContext

from .submission import AnotherContent, Submission

REGIONAL = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)
"""A URL is signed for its host. By boto3's defaults that is s3.amazonaws.com, which redirects for a new bucket, and
knows none in regions that opened after March 2019:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html"""


def _client(service: str) -> Any:
    """Return a client that gives up before the function's timeout: the workflow retries an error with a name."""
    return aws_client.client(service, connect_seconds=2, read_seconds=3)


class SubmissionStore:
    """Keeps each submission once, by its id, which means one content."""

    def __init__(self, table_name: str, *, client: Any = None) -> None:
        self.table_name = table_name
        self.client = client or _client("dynamodb")

    def keep(self, submission: Submission) -> bool:
        """Keep it; False if it was kept before, as a retried task finds it. Raises AnotherContent.

        Another content under a known id is kept as well, in an item `<id>#<digest>` with both digests.
        """
        item = _item(submission)
        try:
            call(
                self.client.put_item,
                TableName=self.table_name,
                Item=item,
                ConditionExpression="attribute_not_exists(id)",
            )
        except RefusedByAws as refused:
            if refused.code != "ConditionalCheckFailedException":
                raise
        else:
            return True
        known = self._recorded_digest(submission)
        if known == submission.digest:
            return False
        refused_item = {"id": {"S": f"{submission.id}#{submission.digest}"}, "recorded_digest": {"S": known}}
        call(self.client.put_item, TableName=self.table_name, Item={**item, **refused_item})
        raise AnotherContent(digest=submission.digest, recorded_digest=known)

    def _recorded_digest(self, submission: Submission) -> str:
        key = {"id": {"S": submission.id}}
        item = call(self.client.get_item, TableName=self.table_name, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            raise Busy("GetItem: removed meanwhile")
        if "digest" in item:
            return str(item["digest"]["S"])
        # Kept before there were digests, when numbers, escapes and white space did not stay as they were posted.
        field, content = submission.content()
        kept = item.get(field, {}).get("S")
        before = kept if field == "claim" or kept is None else json.loads(kept, parse_int=float)
        if item["patient"]["S"] == submission.patient and before == json.loads(content, parse_int=float):
            return submission.digest
        return content_digest(item["patient"]["S"], json.dumps(before))


def _item(submission: Submission) -> dict[str, Any]:
    field, content = submission.content()
    return {
        "id": {"S": submission.id},
        "patient": {"S": submission.patient},
        "digest": {"S": submission.digest},
        field: {"S": submission.claim or content},
    }


class SubmissionStream:
    """Hands submissions over, those of one patient in the order of the calls."""

    def __init__(self, stream_name: str, *, client: Any = None) -> None:
        self.stream_name = stream_name
        self.client = client or _client("kinesis")

    def hand_over(self, submission: Submission, *, trace: TraceContext | None = None) -> str:
        """Put it on the stream, the resource as it was posted, and return its sequence number.

        A retried call puts it there again, under its id.

        Kinesis has no place for headers, so the trace is a field of the record: docs/decisions/0012.
        """
        field, content = submission.content()
        members = {"id": json.dumps(submission.id), "patient": json.dumps(submission.patient), field: content}
        members |= {"trace": json.dumps(trace.traceparent)} if trace else {}
        data = "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"
        answer = call(
            self.client.put_record, StreamName=self.stream_name, PartitionKey=submission.patient, Data=data.encode()
        )
        return str(answer["SequenceNumber"])


class ClaimsBucket:
    """Lets clients upload what is too large to be posted."""

    def __init__(self, bucket_name: str, *, client: Any = None) -> None:
        self.bucket_name = bucket_name
        self.client = client or boto3.client("s3", config=REGIONAL)

    def upload(self, key: str, headers: dict[str, str], *, seconds: int) -> str:
        """Return a URL that takes one PUT of exactly the bytes that these headers describe, for so long."""
        url: str = self.client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self.bucket_name,
                "Key": key,
                "ContentLength": int(headers["Content-Length"]),
                "ContentType": headers["Content-Type"],
                "ChecksumSHA256": headers["x-amz-checksum-sha256"],
            },
            ExpiresIn=seconds,
        )
        return url
