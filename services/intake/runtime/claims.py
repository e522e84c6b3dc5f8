"""Hands out an upload for a payload that is too large to be posted."""

from functools import cache
from typing import Any

from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for

from .store import ClaimsBucket

logger = logger_for("intake", fields=("claim", "bytes"))

UPLOAD_SECONDS = 900


class Settings(Configuration):
    """What the function is deployed with."""

    claims_bucket_name: str


@cache
def bucket() -> ClaimsBucket:
    """Return the sandbox's bucket."""
    return ClaimsBucket(Settings.from_environment().claims_bucket_name)


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Hand out a claim for a request that the model has checked: `{"id": ..., "payload": {"bytes", "sha256"}}`."""
    del context
    claim, payload = f"claims/{event['id']}", event["payload"]
    headers = {
        "Content-Length": str(payload["bytes"]),
        "Content-Type": "application/json",
        "x-amz-checksum-sha256": payload["sha256"],
    }
    url = bucket().upload(claim, headers, seconds=UPLOAD_SECONDS)
    logger.info("claim handed out", extra={"claim": claim, "bytes": payload["bytes"]})
    return {"claim": claim, "url": url, "headers": headers, "seconds": UPLOAD_SECONDS}
