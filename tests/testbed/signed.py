"""Signed requests to APIs of a local cloud, over real sockets."""

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.roles import root

PROBLEM = "application/problem+json"
_URL = re.compile(r"https://([a-z0-9]+)\.execute-api\.([a-z0-9-]+)\.[^/]+/(.*)")
_numbers = itertools.count()
# One client for all, kept to the end: making one costs far more than a request.
_http = httpx.Client(trust_env=False, timeout=60, limits=httpx.Limits(max_connections=200))


@dataclass(frozen=True, kw_only=True)
class SignedApi:
    """One API as a client of one account sees it; `url` is the one in its stack's outputs."""

    cloud: LocalCloud
    url: str
    account: str = "111111111111"

    def post(
        self,
        payload: object = None,
        *,
        key: str | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        signed: bool = True,
        path: str = "",
    ) -> httpx.Response:
        body = json.dumps(payload).encode() if content is None else content
        sent = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {}), **(headers or {})}
        return self._send("POST", path, body, sent, signed=signed)

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self._send("GET", path, b"", dict(headers or {}), signed=True)

    def _send(self, method: str, path: str, body: bytes, sent: dict[str, str], *, signed: bool) -> httpx.Response:
        match = _URL.fullmatch(self.url)
        assert match
        url = f"{self.cloud.endpoint}/_aws/execute-api/{match[1]}/{match[3]}{path}"
        if signed:
            request = AWSRequest(method, url, headers=sent, data=body)
            SigV4Auth(root(self.cloud, self.account), "execute-api", match[2]).add_auth(request)
            sent = dict(request.headers.items())
        return _http.request(method, url, content=body, headers=sent)


def a_key() -> str:
    """An idempotency key that no test has used."""
    return f"key-{next(_numbers):_>20}"


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem in an answer, in the one shape that every failure has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    found: dict[str, Any] = response.json()
    assert found["requestId"] == response.headers["x-amzn-requestid"]
    assert found.get("status", status) == status
    assert found["title"]
    assert found["detail"]
    assert "arn:" not in response.text
    return found
