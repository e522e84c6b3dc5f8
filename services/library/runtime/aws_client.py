"""boto3 clients whose calls fail soon enough for a function to respond in time."""

from typing import Any

import boto3
from botocore.config import Config


def client(service: str, *, connect_seconds: int = 1, read_seconds: int = 2) -> Any:
    """Return a client that gives up an attempt after these seconds, and makes two at most."""
    config = Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # typed by service in the stubs
