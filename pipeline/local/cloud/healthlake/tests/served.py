"""A datastore in process, with a clock of its own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pipeline.local.cloud.healthlake.fhir import Api
from pipeline.local.cloud.healthlake.messages import FhirResponse, Request
from pipeline.local.cloud.healthlake.paging import Pages
from pipeline.local.cloud.healthlake.repository import Repository, Resources

ROOT = Path(__file__).parents[5]
EXAMPLES = sorted((ROOT / "tests/testbed/fhir/examples").glob("*.json"))
ENDPOINT = "http://127.0.0.1:1/datastore/0/r4/"


@dataclass
class Clock:
    """What time it is."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Now, and never the same twice."""
        self.seconds += 0.001
        return self.seconds


@dataclass(kw_only=True)
class Served:
    """One datastore, asked as over HTTP."""

    clock: Clock = field(default_factory=Clock)
    lag: float = 0.0
    resources: Resources = field(default_factory=Resources)

    def __post_init__(self) -> None:
        self.repository = Repository(resources=self.resources, lag=lambda: self.lag, now=self.clock)
        self.api = Api(endpoint=ENDPOINT, repository=self.repository, pages=Pages(now=self.clock))

    def ask(self, method: str, url: str, body: str = "", **headers: str) -> FhirResponse:
        """`headers` with underscores for hyphens."""
        parts = urlsplit(url.removeprefix(ENDPOINT))
        return self.api.answer(
            Request(
                method=method,
                path=parts.path,
                query=parse_qsl(parts.query, keep_blank_values=True),
                headers={name.replace("_", "-"): value for name, value in headers.items()},
                body=body.encode(),
            )
        )

    def put(self, *resources: dict[str, Any]) -> None:
        """Write some."""
        for resource in resources:
            answer = self.ask("PUT", f"{resource['resourceType']}/{resource['id']}", json.dumps(resource))
            assert answer.status < 300, answer.body

    def document(self, url: str, **headers: str) -> dict[str, Any]:
        """What a GET answers."""
        answer = self.ask("GET", url, **headers)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def pages(self, url: str, **headers: str) -> Iterator[dict[str, Any]]:
        """Every page of a search."""
        following: str | None = url
        while following:
            page = self.document(following, **headers)
            yield page
            following = link(page, "next")

    def ids(self, url: str, **headers: str) -> list[str]:
        """The ids of what a search finds."""
        return [
            entry["resource"]["id"]
            for page in self.pages(url, **headers)
            for entry in page.get("entry", [])
            if entry["search"]["mode"] == "match"
        ]


def link(page: dict[str, Any], relation: str) -> str | None:
    """One of the links of a Bundle."""
    return next((each["url"] for each in page["link"] if each["relation"] == relation), None)


def problem(answer: FhirResponse, status: int) -> str:
    """What an OperationOutcome says, with its code before it."""
    assert answer.status == status, answer.body
    outcome = json.loads(answer.body)
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["severity"] == "error"
    return f"{issue['code']}: {issue['diagnostics']}"
