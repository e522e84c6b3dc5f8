"""The partner system of a local cloud: told what to do wrong, and asked what it was asked."""

from typing import Any

from pipeline.local.client import ask
from pipeline.local.lifecycle import LocalCloud

PATH = "/_penstock/partner"


def control(cloud: LocalCloud, **asked: Any) -> dict[str, Any]:
    """`fault=...`, `clear=True` or nothing; what waits to go wrong, and the requests so far."""
    return ask(cloud.port, PATH, asked, of="partner")
