"""Several interactions in one request: https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-bundle.html"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from pipeline.local.cloud.healthlake.document import DocumentError, bundle, items, members, parse
from pipeline.local.cloud.healthlake.messages import FhirError, FhirResponse, Request
from pipeline.local.cloud.healthlake.repository import Key, Repository, Version
from pipeline.local.cloud.healthlake.values import Json

LIMIT = 160
"""https://docs.aws.amazon.com/healthlake/latest/devguide/reference-healthlake-endpoints-quotas.html"""
CONDITIONS = {"ifMatch": "if-match", "ifNoneMatch": "if-none-match", "ifNoneExist": "if-none-exist"}
PLACEHOLDER = "urn:uuid:"


@dataclass(frozen=True, kw_only=True)
class _Entry:
    method: str
    url: str
    full_url: str
    headers: Mapping[str, str]
    text: str
    new_id: str

    @property
    def key(self) -> Key:
        """What it writes."""
        kind, _, id_ = self.url.partition("?")[0].strip("/").partition("/")
        return kind, id_ or self.new_id


def process(answer: Callable[[Request], FhirResponse], repository: Repository, request: Request) -> FhirResponse:
    """Process each entry of a batch by itself, all of a transaction or none, in the order in which they stand."""
    kind, entries = _read(request)
    if kind == "batch":
        done = [answer(_request(entry, {})) for entry in entries]
        return FhirResponse(status=HTTPStatus.OK, body=bundle("batch-response", [_response(each) for each in done]))
    placed = {entry.full_url: "/".join(entry.key) for entry in entries if entry.full_url.startswith(PLACEHOLDER)}
    before = {entry.key: repository.versions(entry.key) for entry in entries}
    done = []
    for entry in entries:
        answered = answer(_request(entry, placed))
        if answered.status >= HTTPStatus.BAD_REQUEST:
            _undo(repository, before)
            return answered
        done.append(answered)
    return FhirResponse(status=HTTPStatus.OK, body=bundle("transaction-response", [_response(each) for each in done]))


def _undo(repository: Repository, before: Mapping[Key, tuple[Version, ...]]) -> None:
    for key, versions in before.items():
        if repository.versions(key) != versions:
            repository.restore(key, versions)


def _read(request: Request) -> tuple[str, Sequence[_Entry]]:
    try:
        text = request.body.decode()
        document = parse(text)
    except (UnicodeDecodeError, DocumentError):
        raise FhirError(HTTPStatus.BAD_REQUEST, "the body is not a JSON object in UTF-8", code="structure") from None
    kind = document.get("type")
    if document.get("resourceType") != "Bundle" or kind not in ("batch", "transaction"):
        raise FhirError(HTTPStatus.BAD_REQUEST, "the body must be a Bundle of the type batch or transaction")
    listed = document.get("entry", [])
    if not isinstance(listed, list) or not all(map(_whole, listed)):
        raise FhirError(HTTPStatus.BAD_REQUEST, "each entry needs a request with a method and a url", code="required")
    if len(listed) > LIMIT:
        raise FhirError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a Bundle may have {LIMIT} entries")
    where = members(text).get("entry")
    spans = items(text, where.value) if where else []
    return str(kind), [_entry(text, start, each) for (start, _), each in zip(spans, listed, strict=True)]


def _whole(entry: Any) -> bool:
    request = entry.get("request") if isinstance(entry, dict) else None
    return isinstance(request, dict) and all(isinstance(request.get(name), str) for name in ("method", "url"))


def _entry(text: str, start: int, document: Json) -> _Entry:
    resource = members(text, start).get("resource")
    asked = document["request"]
    return _Entry(
        method=asked["method"],
        url=asked["url"],
        full_url=str(document.get("fullUrl", "")),
        headers={header: str(asked[name]) for name, header in CONDITIONS.items() if name in asked},
        text=text[resource.value : resource.end] if resource else "",
        new_id=str(uuid.uuid4()) if asked["method"] == "POST" else "",
    )


def _request(entry: _Entry, placed: Mapping[str, str]) -> Request:
    """Return what an entry asks for; references to entries of a transaction lead to what these become."""
    path, _, query = entry.url.partition("?")
    text = entry.text
    for placeholder, reference in placed.items():
        text = text.replace(json.dumps(placeholder), json.dumps(reference))
    return Request(
        method=entry.method,
        path=unquote(path),
        query=parse_qsl(query, keep_blank_values=True),
        headers=entry.headers,
        body=text.encode(),
        new_id=entry.new_id,
    )


def _response(answer: FhirResponse) -> str:
    described = {"status": str(int(answer.status)), "location": answer.headers.get("Location")}
    etag = answer.headers.get("ETag")
    response = json.dumps({name: value for name, value in {**described, "etag": etag}.items() if value})
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return f'{{"response": {response[:-1]}, "outcome": {answer.body}}}}}'
    resource = f', "resource": {answer.body}' if answer.body else ""
    return f'{{"response": {response}{resource}}}'
