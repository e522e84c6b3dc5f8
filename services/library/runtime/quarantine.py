"""Keeps records that can never be processed, with their payload, until somebody mends them."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from .stream import StreamRecord, Waiting

PREFIX = "quarantined/"
SENT = "redriven/sent/"
"""Prefix of the notes by which `penstock redrive` remembers what was processed since."""


def object_key(record: StreamRecord) -> str:
    """Return the object's key: a retried write has the same, and a mended payload another."""
    kinesis = record.raw.get("kinesis")
    payload = base64.b64decode(kinesis["data"]) if kinesis else record.data  # as it came, compressed or not
    return f"{PREFIX}{record.shard}/{record.sequence}-{hashlib.sha256(payload).hexdigest()[:16]}.json"


class BucketQuarantine:
    """Quarantine in an S3 bucket, which `penstock redrive` reads.

    Everything is in the object's content: S3 encrypts that, and neither an object's key nor its metadata.
    """

    def __init__(self, bucket_name: str, *, client: Any) -> None:
        self.bucket_name = bucket_name
        self.client = client

    def keep(self, record: StreamRecord, reason: str, details: Mapping[str, str]) -> None:
        """Store the record as Lambda passed it, and why it is here."""
        self.client.put_object(
            Bucket=self.bucket_name,
            Key=object_key(record),
            Body=json.dumps({"reason": reason, **details, "record": record.raw}).encode(),
            ContentType="application/json",
        )

    def waiting(self) -> Waiting:
        """Count the records that no re-drive has sent, by the names of the objects alone."""
        sent = {each["Key"].removeprefix(SENT) for each in self._list(SENT)}
        since: dict[str, datetime] = {}
        for each in self._list(PREFIX):
            place = each["Key"].removeprefix(PREFIX).rpartition("-")[0]
            if place not in sent:  # a record that was mended and is still refused has two objects, and waits once
                since[place] = min(each["LastModified"], since.get(place, each["LastModified"]))
        oldest = (datetime.now(UTC) - min(since.values())).total_seconds() if since else 0
        return Waiting(records=len(since), oldest_seconds=max(0, int(oldest)))

    def _list(self, prefix: str) -> Iterator[Any]:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name, Prefix=prefix):
            yield from page.get("Contents", [])
