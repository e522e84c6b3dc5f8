"""The partner that every HTTPS host is in a local cloud: its faults, and what it was asked."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from pipeline.local.lifecycle import LocalCloud


@dataclass(frozen=True)
class LocalPartner:
    """The control of the cloud's partner."""

    cloud: LocalCloud

    def control(self, **asked: Any) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the cloud's own address
            f"{self.cloud.endpoint}/_penstock/partner", json.dumps(asked).encode(), method="POST"
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
            return found

    def fails(self, kind: str, **more: Any) -> None:
        self.control(fault={"kind": kind, **more})

    def requests(self, containing: str = "") -> list[dict[str, Any]]:
        return [each for each in self.control()["requests"] if containing in each["path"]]
