"""The FHIR R4 API of one datastore, as HealthLake documents it: a request in, an answer out.

https://docs.aws.amazon.com/healthlake/latest/devguide/crud-healthlake.html
"""

import json
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from pipeline.local.cloud.healthlake import search as searches
from pipeline.local.cloud.healthlake.bundles import process
from pipeline.local.cloud.healthlake.capabilities import statement
from pipeline.local.cloud.healthlake.criteria import CriterionError
from pipeline.local.cloud.healthlake.document import DocumentError, bundle, parse, stamped, subset
from pipeline.local.cloud.healthlake.messages import MEDIA_TYPE, FhirError, FhirResponse, Request, outcome
from pipeline.local.cloud.healthlake.paging import PAGE_LIMIT, Page, Pages
from pipeline.local.cloud.healthlake.repository import Indexed, Key, Repository, Version, instant
from pipeline.local.cloud.healthlake.values import Json, resource_types

FORM = "application/x-www-form-urlencoded"
CONSISTENCY = "x-amz-fhir-history-consistency-level"
CONDITIONS = {"if-none-match": "UpdateResource", "if-none-exist": "", "x-amz-fhir-idempotency-key": ""}
"""Of a write, and the one interaction that heeds each: to ignore one would do what the client asked not to do."""
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_ETAG = re.compile(r'(?:W/)?"(\d+)"|(\d+)')

ROUTES = tuple(
    (method, re.compile(pattern.replace("*", "([^/]+)")), action)
    for method, pattern, action in (
        ("GET", "metadata", "GetCapabilities"),
        ("POST", "", "ProcessBundle"),
        ("POST", "*/_search", "SearchWithPost"),
        ("GET", "*", "SearchWithGet"),
        ("POST", "*", "CreateResource"),
        ("GET", "*/*", "ReadResource"),
        ("PUT", "*/*", "UpdateResource"),
        ("DELETE", "*/*", "DeleteResource"),
        ("GET", "*/*/_history", "GetHistoryByResourceId"),
        ("GET", "*/*/_history/*", "VersionReadResource"),
    )
)
"""Interactions by the permission that each needs.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awshealthlake.html
"""


@dataclass(frozen=True, kw_only=True)
class Api:
    """The API of one datastore; `endpoint` ends in `/r4/`."""

    endpoint: str
    repository: Repository
    pages: Pages

    def answer(self, request: Request) -> FhirResponse:
        """Answer a request, be it with an error."""
        try:
            return self._routed(request)
        except FhirError as error:
            return outcome(error)

    def _routed(self, request: Request) -> FhirResponse:
        handlers: dict[str, Callable[..., FhirResponse]] = {
            "GetCapabilities": self._capabilities,
            "ProcessBundle": self._bundle,
            "SearchWithGet": self._search_by_url,
            "SearchWithPost": self._search_by_form,
            "CreateResource": self._create,
            "ReadResource": self._read,
            "VersionReadResource": self._read,
            "GetHistoryByResourceId": self._history,
            "UpdateResource": self._update,
            "DeleteResource": self._delete,
        }
        action, parts = route(request)
        if action not in handlers:
            raise FhirError(HTTPStatus.BAD_REQUEST, "this interaction is not emulated", code="not-supported")
        if parts and parts[0] not in resource_types():
            raise FhirError(HTTPStatus.NOT_FOUND, "R4 has no resource type of this name", code="not-supported")
        ignored = [name for name in CONDITIONS if name in request.headers and action != CONDITIONS[name]]
        if ignored and request.method != "GET":
            raise FhirError(HTTPStatus.BAD_REQUEST, f"{ignored[0]} is not emulated here", code="not-supported")
        return handlers[action](request, *parts)

    def _capabilities(self, request: Request) -> FhirResponse:
        del request
        return FhirResponse(status=HTTPStatus.OK, body=statement(self.endpoint))

    def _bundle(self, request: Request) -> FhirResponse:
        return process(self.answer, self.repository, request)

    def _search_by_url(self, request: Request, kind: str) -> FhirResponse:
        return self._search(kind, request, request.query, links=True)

    def _search_by_form(self, request: Request, kind: str) -> FhirResponse:
        return self._search(kind, request, _form(request), links=False)

    def _create(self, request: Request, kind: str) -> FhirResponse:
        text = _resource(request, kind)
        key = (kind, request.new_id or str(uuid.uuid4()))
        version = self.repository.write(key, "POST", _stamp(text, key[1]))
        return self._written(key, version, HTTPStatus.CREATED)

    def _update(self, request: Request, *key_parts: str) -> FhirResponse:
        """ "creates a new current version for an existing resource or creates an initial version if no resource already
        exists for the given id": https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-update.html
        """
        key = _key(key_parts)
        text = _resource(request, *key)
        self._require_match(key, request)
        existed = self.repository.current(key) is not None
        self._require_none(request, existed=existed)
        version = self.repository.write(key, "PUT", _stamp(text, key[1]))
        return self._written(key, version, HTTPStatus.OK if existed else HTTPStatus.CREATED)

    def _delete(self, request: Request, *key_parts: str) -> FhirResponse:
        """https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-delete.html"""
        key = _key(key_parts)
        self._require_match(key, request)
        if self.repository.current(key) is not None:
            self.repository.write(key, "DELETE", None)
        elif not self.repository.versions(key):
            raise FhirError(HTTPStatus.NOT_FOUND, f"{key[0]} has no resource with this id")
        return FhirResponse(status=HTTPStatus.NO_CONTENT)

    def _read(self, request: Request, kind: str, id_: str, number: str = "") -> FhirResponse:
        del request
        key = (kind, id_)
        versions = self.repository.versions(key)
        if number:
            versions = tuple(version for version in versions if str(version[0]) == number)
        if not versions:
            raise FhirError(
                HTTPStatus.NOT_FOUND, f"{key[0]} has no resource with this id{' and version' * bool(number)}"
            )
        if versions[-1][3] is None:
            raise FhirError(HTTPStatus.GONE, f"the {key[0]} with this id was deleted")
        return self._written(key, versions[-1], HTTPStatus.OK)

    def _written(self, key: Key, version: Version, status: HTTPStatus) -> FhirResponse:
        number, written, _, text = version
        headers = {"ETag": f'W/"{number}"', "Last-Modified": formatdate(written, usegmt=True)}
        if status == HTTPStatus.CREATED:
            headers["Location"] = f"{self.endpoint}{'/'.join(key)}/_history/{number}"
        return FhirResponse(status=status, body=text or "", headers=headers)

    def _require_match(self, key: Key, request: Request) -> None:
        wanted = request.headers.get("if-match")
        if wanted is None:
            return
        found = _ETAG.fullmatch(wanted.strip())
        if not found:
            raise FhirError(HTTPStatus.BAD_REQUEST, 'If-Match needs a version, such as W/"3"')
        versions = self.repository.versions(key)
        if not versions or versions[-1][3] is None or str(versions[-1][0]) != (found[1] or found[2]):
            raise FhirError(HTTPStatus.PRECONDITION_FAILED, "the resource has another version than If-Match says")

    def _require_none(self, request: Request, *, existed: bool) -> None:
        """https://www.rfc-editor.org/rfc/rfc9110#field.if-none-match: with *, only if there is none yet."""
        wanted = request.headers.get("if-none-match")
        if wanted is not None and wanted.strip() != "*":
            raise FhirError(HTTPStatus.BAD_REQUEST, "If-None-Match of a write can be *", code="not-supported")
        if wanted is not None and existed:
            raise FhirError(HTTPStatus.PRECONDITION_FAILED, "there is a resource, and If-None-Match says none")

    def _search(self, kind: str, request: Request, query: Sequence[tuple[str, str]], *, links: bool) -> FhirResponse:
        """`links`: whether links repeat the query. What came in a body for privacy stays out of them."""
        if any(name == "page" for name, _ in query):
            return self._page(kind, query)
        strict = "handling=strict" in request.headers.get("prefer", "").replace(" ", "").lower()
        strong = request.headers.get(CONSISTENCY, "").lower() == "strong"
        try:
            search = searches.read(kind, query, strict=strict)
        except CriterionError as error:
            raise FhirError(HTTPStatus.BAD_REQUEST, str(error)) from None
        found = searches.found(search, self.repository, strong=strong)

        def render(matches: Sequence[Indexed]) -> list[str]:
            entries = [
                self._entry(
                    (kind, each.id), subset(each.text, search.elements) if search.elements else each.text, "match"
                )
                for each in matches
            ]
            referred = searches.included(search, self.repository, matches)
            return entries + [self._entry((type_, each.id), each.text, "include") for type_, each in referred]

        page = Page(
            of=kind,
            query=tuple(query) if links else (),
            found=found,
            render=render,
            kind="searchset",
            size=search.size,
            total=len(found) if search.total else None,
        )
        return self._answered(page)

    def _history(self, request: Request, *key_parts: str) -> FhirResponse:
        """https://docs.aws.amazon.com/healthlake/latest/devguide/managing-fhir-resources-read-history.html"""
        key = _key(key_parts)
        path = f"{'/'.join(key)}/_history"
        if any(name == "page" for name, _ in request.query):
            return self._page(path, request.query)
        versions = self.repository.versions(key)
        if not versions:
            raise FhirError(HTTPStatus.NOT_FOUND, f"{key[0]} has no resource with this id")
        asked = dict(request.query)
        count = asked.get("_count", str(PAGE_LIMIT))
        if asked.keys() - {"_count"} or not re.fullmatch("[1-9][0-9]{0,8}", count):
            raise FhirError(HTTPStatus.BAD_REQUEST, "a history takes _count, a number from 1 on, and nothing else here")
        page = Page(
            of=path,
            query=tuple(request.query),
            found=versions[::-1],
            render=lambda shown: [self._past(key, version) for version in shown],
            kind="history",
            size=min(int(count), PAGE_LIMIT),
            total=len(versions),
        )
        return self._answered(page)

    def _page(self, path: str, query: Sequence[tuple[str, str]]) -> FhirResponse:
        token = next(value for name, value in query if name == "page")
        page = self.pages.of(token, path, [pair for pair in query if pair[0] != "page"])
        if page is None:
            raise FhirError(
                HTTPStatus.BAD_REQUEST, "the page token is not valid, or has expired: begin the search anew"
            )
        return self._answered(page)

    def _answered(self, page: Page) -> FhirResponse:
        links = [{"relation": "self", "url": self._url(page, None)}]
        following = self.pages.after(page)
        if following is not None:
            links.append({"relation": "next", "url": self._url(page, following)})
        more: Json = {} if page.total is None else {"total": page.total}
        return FhirResponse(status=200, body=bundle(page.kind, page.entries(), **more, link=links))

    def _url(self, page: Page, token: str | None) -> str:
        query = [urlencode(page.query, quote_via=quote)] if page.query else []
        query += [f"page={token}"] if token else []
        return f"{self.endpoint}{page.of}" + (f"?{'&'.join(query)}" if query else "")

    def _entry(self, key: Key, text: str, mode: str) -> str:
        full_url = json.dumps(f"{self.endpoint}{'/'.join(key)}")
        return f'{{"fullUrl": {full_url}, "resource": {text}, "search": {{"mode": "{mode}"}}}}'

    def _past(self, key: Key, version: Version) -> str:
        number, written, method, text = version
        entry: Json = {"fullUrl": f"{self.endpoint}{'/'.join(key)}"}
        path = key[0] if method == "POST" else "/".join(key)
        status = "204" if method == "DELETE" else "201" if number == 1 else "200"
        entry["request"] = {"method": method, "url": path}
        entry["response"] = {"status": status, "etag": f'W/"{number}"', "lastModified": instant(written)}
        head = json.dumps(entry)
        return f'{head[:-1]}, "resource": {text}}}' if text else head


def route(request: Request) -> tuple[str, tuple[str, ...]]:
    """Return the permission that an interaction needs, which names it, and the parts of its path; ("", ()) if none."""
    for method, pattern, action in ROUTES:
        found = pattern.fullmatch(request.path.strip("/")) if method == request.method else None
        if found:
            return action, found.groups()
    return "", ()


def _key(parts: Sequence[str]) -> Key:
    kind, id_ = parts
    return kind, id_


def _resource(request: Request, kind: str, id_: str | None = None) -> str:
    """Return the text of a resource that can be written: its structure is not validated. Raises FhirError."""
    media_type = request.headers.get("content-type", MEDIA_TYPE).partition(";")[0].strip().lower()
    if media_type not in {MEDIA_TYPE, "application/json"}:
        raise FhirError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send a resource as {MEDIA_TYPE}")
    try:
        text = request.body.decode()
        resource = parse(text)
    except UnicodeDecodeError:
        raise FhirError(HTTPStatus.BAD_REQUEST, "the body is not UTF-8", code="structure") from None
    except DocumentError as error:
        raise FhirError(HTTPStatus.BAD_REQUEST, str(error), code="structure") from None
    if resource.get("resourceType") != kind:
        raise FhirError(HTTPStatus.BAD_REQUEST, f"resourceType must be {kind}, as the URL says", code="structure")
    if not isinstance(resource.get("meta", {}), dict):
        raise FhirError(HTTPStatus.BAD_REQUEST, "meta must be an object", code="structure")
    if id_ is not None and resource.get("id") != id_:
        raise FhirError(HTTPStatus.BAD_REQUEST, "the resource must have the id that the URL has")
    if id_ is not None and not _ID.fullmatch(id_):
        raise FhirError(HTTPStatus.BAD_REQUEST, "an id has 1 to 64 letters, digits, hyphens and dots", code="value")
    return text


def _stamp(text: str, id_: str) -> Any:
    return lambda number, updated: stamped(text, id_=id_, version=number, updated=updated)


def _form(request: Request) -> list[tuple[str, str]]:
    """ "You can provide query parameters in either the URI or in a request body, but you cannot use both in a single
    request": https://docs.aws.amazon.com/healthlake/latest/devguide/search-with-post.html
    """
    if request.body and request.query:
        raise FhirError(HTTPStatus.BAD_REQUEST, "search parameters stand in the URL or in the body, not in both")
    if not request.body:
        return list(request.query)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise FhirError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send search parameters as {FORM}")
    try:
        return parse_qsl(request.body.decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        raise FhirError(HTTPStatus.BAD_REQUEST, "the body is not UTF-8") from None
