"""A client of a FHIR datastore in AWS HealthLake: signed, in time, page by page, and silent about people.

Every attempt is signed anew, over the bytes and the query that are sent, with the credentials of that moment. A result
is whole or an error: whoever iterates over pages gets all of them, or an exception that says that there was more.

https://docs.aws.amazon.com/healthlake/latest/devguide/crud-healthlake.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote, unquote_to_bytes, urlencode

import botocore.session
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from . import exact_json
from .client import TRANSIENT_STATUSES, Client, judge_status
from .fields import FHIR_ID
from .resilience import AttemptError, CallError, Deadline
from .tracing import NoTracing, Tracing
from .transport import HttpResponse, Timeouts

SERVICE = "healthlake"
MEDIA_TYPE = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"
PAGE_LIMIT = 100
"""https://docs.aws.amazon.com/healthlake/latest/devguide/reference-fhir-search-parameters.html"""
LIMIT_BYTES = 32 * 1024 * 1024
WORDS = frozenset({"datastore", "r4", "_search"})
"""Of the API's paths; resource types are added to them, and all else is an id."""
TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
ETAG = re.compile(r'(W/)?"[A-Za-z0-9.-]{1,64}"')
THROTTLING = ("ThrottlingException", "TooManyRequestsException", "ProvisionedThroughputExceededException")
"""What HealthLake calls it when it answers 400 to say that it is asked too often."""
LONGEST_ERROR_BYTES = 64 * 1024

# https://hl7.org/fhir/R4/valueset-issue-type.html
ISSUE_CODES = frozenset(
    (
        *("invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired"),
        *("forbidden", "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found"),
        *("deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict", "transient"),
        *("lock-error", "no-store", "exception", "timeout", "incomplete", "throttled", "informational"),
    )
)

TRANSIENT_ISSUE_CODES = frozenset(
    (
        *("security", "login", "unknown", "expired", "forbidden", "suppressed", "transient", "lock-error", "no-store"),
        *("exception", "timeout", "incomplete", "throttled"),
    )
)
"""Those that say nothing of the resource."""

Resource = dict[str, Any]
Parameters = Mapping[str, str | Sequence[str]]


class RefusedError(CallError):
    """The datastore answered that it will not, or cannot. Its codes come from FHIR's own list, its words stay away."""

    def __init__(self, where: str, status: int, codes: tuple[str, ...] = ()) -> None:
        super().__init__(f"{where}: answered {status}" + (f" ({', '.join(codes)})" if codes else ""))
        self.status = status
        self.codes = codes

    @property
    def is_permanent(self) -> bool:
        """Return whether the resource itself is refused, so that it can never be written.

        Only an OperationOutcome says so, for a 400 may also be about the caller's credentials or the moment.
        """
        of_the_resource = bool(self.codes) and not TRANSIENT_ISSUE_CODES.intersection(self.codes)
        if self.status == HTTPStatus.NOT_FOUND:
            return "not-supported" in self.codes  # no such resource type, where a datastore that is gone says nothing
        return of_the_resource and self.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 422}


class ThrottledError(AttemptError):
    """The datastore is asked too often, and says so with a status that says something else."""

    status = int(HTTPStatus.TOO_MANY_REQUESTS)


class MalformedAnswerError(CallError):
    """The datastore answered with something that is not what was asked for."""


class ForeignLinkError(CallError):
    """A page's next link leads out of the datastore; it was not followed."""


class LoopError(CallError):
    """A page's next link leads to a page that was read before."""


class PartialResultError(CallError):
    """There is more than what was read; the cause says why it could not be."""

    def __init__(self, where: str, pages: int) -> None:
        super().__init__(f"{where}: only {pages} pages could be read, and there are more")
        self.pages = pages


class RequestError(CallError):
    """What is asked for cannot be asked: names the part, never its value."""


class FrozenCredentials(Protocol):
    """Whoever has credentials: botocore's kinds, which renew themselves."""

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials of this moment."""


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Signs a request as it is about to be sent, for `Client.sign`."""

    region: str
    credentials: FrozenCredentials
    """They renew themselves; what they are is asked for each attempt."""
    service: str = SERVICE

    @classmethod
    def of_this_function(cls, region: str) -> "Signer":
        """Return a signer with the role's credentials, wherever this runs."""
        credentials = botocore.session.get_session().get_credentials()
        if credentials is None:
            raise CallError("there are no AWS credentials to sign with: give the function a role")
        return cls(region=region, credentials=credentials)

    def __call__(self, request: httpx.Request) -> None:
        """Add the headers of Signature Version 4, over all others but the one that proxies may change."""
        now = self.credentials.get_frozen_credentials()
        url = request.url
        signed = AWSRequest(
            method=request.method,
            # As it goes over the wire: the raw path has the query.
            url=f"{url.scheme}://{url.netloc.decode()}{url.raw_path.decode()}",
            data=request.content,
            headers={
                name: value for name, value in request.headers.items() if name not in {"connection", "user-agent"}
            },
        )
        SigV4Auth(now, self.service, self.region).add_auth(signed)
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            if name in signed.headers:
                request.headers[name] = signed.headers[name]


@dataclass(frozen=True)
class Link:
    """Where the next page is. Opaque: it may quote the search, so it is neither looked into nor shown."""

    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a search."""

    resources: tuple[Resource, ...] = field(repr=False)
    next: Link | None
    total: int | None = None
    """Of all pages, if the datastore says so."""
    complete: bool = True
    """False if the datastore says that it left something out of this page."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """One resource, byte for byte, with the tag of its version."""

    body: bytes = field(repr=False)
    etag: str | None
    modified: str | None = None
    """When, as HTTP writes it."""


@dataclass(frozen=True, kw_only=True)
class FhirStore:
    """One datastore. One for each sandbox."""

    endpoint: str
    """As HealthLake states it: `https://healthlake.<region>.amazonaws.com/datastore/<id>/r4/`."""
    client: Client

    @classmethod
    def at(
        cls,
        endpoint: str,
        *,
        signer: Signer,
        types: Iterable[str],
        tracing: Tracing | None = None,
        **others: Any,
    ) -> "FhirStore":
        """Return a datastore with its own client. `types`: the resource types that may be named in spans and errors."""
        return cls(
            endpoint=endpoint if endpoint.endswith("/") else f"{endpoint}/",
            client=Client(
                words=WORDS | frozenset(types),
                sign=signer,
                judge=judge,
                limit_bytes=LIMIT_BYTES,
                tracing=tracing or NoTracing(),
                timeouts=others.pop("timeouts", Timeouts(read=10.0)),
                **others,
            ),
        )

    def read(self, type_: str, id_: str, *, deadline: Deadline, if_none_match: str | None = None) -> Read | None:
        """Read a resource; None if it still has the tag's version. Raises a RefusedError: 404, or 410 if deleted."""
        headers = {"accept": MEDIA_TYPE} | _condition("if-none-match", if_none_match)
        answer = self._call("GET", self._url(type_, id_), deadline, headers=headers)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return None
        tag: str | None = answer.headers.get("etag")
        if if_none_match is not None and tag is not None and _weak(tag) == _weak(if_none_match):
            return None  # a server that does not know the condition answers with the resource
        return Read(body=answer.body, etag=tag, modified=answer.headers.get("last-modified"))

    def write(
        self, type_: str, id_: str, body: bytes, *, deadline: Deadline, if_match: str | None = None
    ) -> str | None:
        """Put a version in the place of the one with the tag, or make a resource with this id; the new tag.

        Repeated after failures: with a tag a second time changes nothing (412), and without one it makes at most
        another version of the same. HealthLake has no condition for "only if there is none". Raises a RefusedError, 412
        among them: then read, and see whose version it is.
        """
        headers = {"accept": MEDIA_TYPE, "content-type": MEDIA_TYPE} | _condition("if-match", if_match)
        answer = self._call("PUT", self._url(type_, id_), deadline, headers=headers, content=body)
        tag: str | None = answer.headers.get("etag")
        return tag

    def search(
        self,
        type_: str,
        parameters: Parameters,
        *,
        deadline: Deadline,
        count: int = PAGE_LIMIT,
        elements: Sequence[str] = (),
    ) -> Page:
        """Return the first page. Parameters are sent in a body, since URLs are logged; unknown ones are refused."""
        if not 1 <= count <= PAGE_LIMIT:
            raise RequestError(f"count is not allowed; give 1 to {PAGE_LIMIT}")
        if not all(map(PARAMETER.fullmatch, [*parameters, *elements])):
            raise RequestError("the name of a parameter or an element is not one of FHIR's")
        form = [(name, each) for name, value in parameters.items() for each in _each(value)]
        form += [("_count", str(count))] + ([("_elements", ",".join(elements))] if elements else [])
        headers = {"accept": MEDIA_TYPE, "content-type": FORM, "prefer": "handling=strict"}
        answer = self._call(
            "POST", self._url(type_, "_search"), deadline, headers=headers, content=urlencode(form).encode(), safe=True
        )
        return self._page(answer)

    def follow(self, link: Link, *, deadline: Deadline) -> Page:
        """Return the page of a link. Raises a ForeignLinkError without a call if that is not in this datastore."""
        return self._page(self._call("GET", self._own(link.url), deadline, headers={"accept": MEDIA_TYPE}))

    def pages(
        self, type_: str, parameters: Parameters, *, deadline: Deadline, count: int = PAGE_LIMIT
    ) -> Iterator[Page]:
        """Yield every page. Raises a PartialResultError if there is more than was yielded; its cause says why."""
        page = self.search(type_, parameters, deadline=deadline, count=count)
        seen: set[str] = set()
        number = 1
        while True:
            yield page
            if page.next is None:
                return
            try:
                if page.next.url in seen:
                    raise LoopError(f"{type_}: the next link of page {number} leads back")
                seen.add(page.next.url)
                page = self.follow(page.next, deadline=deadline)
            except CallError as error:
                raise PartialResultError(type_, number) from error
            number += 1

    def _url(self, type_: str, id_: str) -> str:
        if not TYPE.fullmatch(type_):
            raise RequestError("the resource type is not one of FHIR's")
        if id_ != "_search" and not FHIR_ID.fullmatch(id_):
            raise RequestError("the resource's id is not one of FHIR's")
        return f"{self.endpoint}{type_}/{id_}"

    def _call(
        self,
        method: str,
        url: str,
        deadline: Deadline,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        safe: bool = False,
    ) -> HttpResponse:
        answer = self.client.call(method, url, deadline=deadline, headers=headers, content=content, safe=safe)
        if answer.status < 300 or answer.status == HTTPStatus.NOT_MODIFIED:
            return answer
        raise RefusedError(f"{method} of the datastore", answer.status, issue_codes(answer.body))

    def _page(self, answer: HttpResponse) -> Page:
        try:
            bundle = exact_json.read(answer.body)
        except ValueError:
            bundle = None
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise MalformedAnswerError("the datastore answered a search with something else than a Bundle")
        entries = _objects(bundle, "entry")
        found = tuple(entry["resource"] for entry in entries if isinstance(entry.get("resource"), dict))
        if len(found) < len(entries):
            raise MalformedAnswerError("the datastore answered a search with an entry that has no resource")
        links = [each.get("url") for each in _objects(bundle, "link") if each.get("relation") == "next"]
        urls = [url for url in links if isinstance(url, str)]
        if len(links) > 1 or len(urls) < len(links):
            raise MalformedAnswerError(
                "the datastore answered a search with more than one next link, or none to follow"
            )
        total = bundle.get("total")
        return Page(
            resources=tuple(each for each in found if not _is_outcome(each)),
            next=Link(self._own(urls[0])) if urls else None,
            total=total if isinstance(total, int) else None,
            complete=not any(_left_out(each) for each in found if _is_outcome(each)),
        )

    def _own(self, url: str) -> str:
        """Return the URL, encoded as it is signed, if it lies in this datastore: no response may send us elsewhere."""
        home = httpx.URL(self.endpoint)
        try:
            there = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            there = httpx.URL("")
        same = (there.scheme, there.host, there.port) == (home.scheme, home.host, home.port)
        if not same or there.userinfo or not there.path.startswith(home.path):
            raise ForeignLinkError("a next link leads out of the datastore; it was not followed")
        return _encoded(url)


def _encoded(url: str) -> str:
    """Return a URL whose query is encoded once, as AWS canonicalises it, however much of it was encoded before.

    HealthLake's links have tokens with raw padding. A server verifies a signature over the encoded values, botocore
    signs a query as it is given, and what is signed has to be what is sent. A plus sign is one, and no space.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    path, _, query = url.partition("?")
    pairs = (each.partition("=") for each in query.partition("#")[0].split("&") if each)
    encoded = "&".join(f"{_encode(name)}={_encode(value)}" for name, _, value in pairs)
    return f"{path}?{encoded}" if encoded else path


def _encode(part: str) -> str:
    return quote(unquote_to_bytes(part), safe="-_.~")


def judge(answer: HttpResponse, where: str) -> None:
    """Raise an AttemptError for responses after which another attempt may succeed; throttling may be a 400."""
    if answer.status == HTTPStatus.BAD_REQUEST and _is_throttling(answer):
        raise ThrottledError(f"{where}: throttled", transient=True, unhealthy=False)
    judge_status(answer, where)


def issue_codes(body: bytes) -> tuple[str, ...]:
    """Return an OperationOutcome's codes, of FHIR's list alone: diagnostics and expressions quote what was sent."""
    if len(body) > LONGEST_ERROR_BYTES:
        return ()
    try:
        content = exact_json.read(body)
    except ValueError:
        return ()
    issues = _objects(content, "issue") if isinstance(content, dict) else []
    return tuple(dict.fromkeys(each["code"] for each in issues if _is_code(each.get("code"))))


def status_of(error: CallError) -> int | None:
    """Return the status that a failed call ended with; None if there was no response."""
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None


def is_transient(error: CallError) -> bool:
    """Return whether the same call may succeed later."""
    status = status_of(error)
    return status is None or status in TRANSIENT_STATUSES or status >= 500


def _is_throttling(answer: HttpResponse) -> bool:
    kind = answer.headers.get("x-amzn-errortype", "")
    if not kind and len(answer.body) <= LONGEST_ERROR_BYTES:
        try:
            content = exact_json.read(answer.body)
        except ValueError:
            return False
        kind = str(content.get("__type", content.get("code", ""))) if isinstance(content, dict) else ""
        if "throttled" in issue_codes(answer.body):
            return True
    return kind.partition(":")[0].rpartition("#")[2] in THROTTLING


def _is_code(code: object) -> bool:
    return isinstance(code, str) and code in ISSUE_CODES


def _is_outcome(resource: Resource) -> bool:
    return resource.get("resourceType") == "OperationOutcome"


def _left_out(outcome: Resource) -> bool:
    return any(issue.get("severity") in {"fatal", "error"} for issue in _objects(outcome, "issue"))


def _objects(content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = content.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise MalformedAnswerError("the datastore answered with something that is not FHIR")
    return found


def _each(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _condition(name: str, tag: str | None) -> dict[str, str]:
    if tag is None:
        return {}
    if not ETAG.fullmatch(tag):
        raise RequestError(f'{name} is not allowed; give the tag of a version, such as W/"3"')
    return {name: tag}


def _weak(tag: str) -> str:
    return tag.removeprefix("W/")
