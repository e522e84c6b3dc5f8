"""Keeps records that can never be processed, with their payload, until somebody mends them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .stream import StreamRecord

PREFIX = "quarantined/"


def object_key(record: StreamRecord) -> str:
    """Return the object's key: a retried write has the same, and a mended payload another."""
    digest = hashlib.sha256(record.data).hexdigest()[:16]
    return f"{PREFIX}{record.shard}/{record.sequence}-{digest}.json"


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
