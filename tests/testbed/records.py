"""Datastores of a local cloud, and signed FHIR requests to them over real sockets."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.functions import ACCOUNT, REGION
from tests.testbed.roles import root

FAULTS = "/_penstock/healthlake/faults"
_http = httpx.Client(trust_env=False, timeout=30)


@dataclass(frozen=True, kw_only=True)
class Datastore:
    """One, as a client sees it; `url` ends in `/r4/`."""

    cloud: LocalCloud
    id: str
    url: str

    def call(
        self,
        method: str,
        path: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        service: str = "healthlake",
        region: str = REGION,
        unsigned: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a signed request; `unsigned` headers are added when it is signed already."""
        url = _encoded(path if path.startswith("http") else self.url + path)
        request = AWSRequest(
            method, url, headers={"Content-Type": "application/fhir+json", **(headers or {})}, data=content
        )
        SigV4Auth(credentials or root(self.cloud), service, region).add_auth(request)
        return _http.request(
            method, url, content=content, headers={**dict(request.headers.items()), **(unsigned or {})}
        )

    def put(self, resource: Mapping[str, Any], **more: Any) -> httpx.Response:
        """Write one with an id of its own."""
        path = f"{resource['resourceType']}/{resource['id']}"
        return self.call("PUT", path, content=json.dumps(resource).encode(), **more)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Each page of a search, along the next links."""
        following: str | None = path
        while following:
            answer = self.call("GET", following)
            assert answer.status_code == 200, answer.text
            page: dict[str, Any] = answer.json()
            yield page
            following = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)

    def faults(self, **faults: Any) -> dict[str, Any]:
        """Let things go wrong from now on; what they were, and how often, is in the next answer."""
        answer = _http.post(self.cloud.endpoint + FAULTS, json=faults)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def _encoded(url: str) -> str:
    """A URL with its query encoded once, as it is signed: next links have tokens with raw padding."""
    address, mark, query = url.partition("?")
    return address + mark + urlencode(parse_qsl(query, keep_blank_values=True), quote_via=quote, safe="")


def datastore(cloud: LocalCloud, *, account: str = ACCOUNT, region: str = REGION) -> Datastore:
    """A new one whose searches lag behind nothing."""
    made = cloud.client("healthlake", account, region).create_fhir_datastore(DatastoreTypeVersion="R4")
    found = Datastore(cloud=cloud, id=made["DatastoreId"], url=made["DatastoreEndpoint"])
    found.faults(lag_seconds=0)
    return found
