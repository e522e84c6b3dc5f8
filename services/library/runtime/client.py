"""A client for other systems over HTTP: with traces, deadlines, retries, a circuit breaker, and no personal data."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from . import addresses, trace
from .resilience import (
    NO_RETRIES,
    SYSTEM,
    AttemptError,
    Breaker,
    CallError,
    Clock,
    Deadline,
    Retries,
    RetryBudget,
    Upstream,
)
from .tracing import NoTracing, Tracing
from .transport import DeadlineTransport, EncodedError, HttpResponse, Timeouts, TooLargeError, exchange

SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""https://www.rfc-editor.org/rfc/rfc9110#name-idempotent-methods"""
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which another attempt may succeed."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
USER_AGENT = "penstock"

Judge = Callable[[HttpResponse, str], None]
Sign = Callable[[httpx.Request], None]


class StatusError(AttemptError):
    """The other side answered that it could not."""

    def __init__(self, where: str, answer: HttpResponse) -> None:
        super().__init__(
            f"{where}: answered {answer.status}",
            transient=answer.status in TRANSIENT_STATUSES,
            unhealthy=answer.status >= 500,
            wait_seconds=retry_after(answer),
        )
        self.status = answer.status


class LargeAnswerError(AttemptError):
    """The response has more bytes than are read."""


def judge_status(answer: HttpResponse, where: str) -> None:
    """Raise a StatusError for 408, 429 and every status from 500 on. Others are the caller's to read."""
    if answer.status in TRANSIENT_STATUSES or answer.status >= 500:
        raise StatusError(where, answer)


def retry_after(answer: HttpResponse) -> float:
    """Return the seconds of a Retry-After header; 0 without one, or if it has a date."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0


# What httpx raises, from the most particular on: what happened, and whether that counts against the other side.
_FAILURES: tuple[tuple[type[Exception], str, bool], ...] = (
    (httpx.PoolTimeout, "all connections were in use", False),
    (httpx.ConnectTimeout, "could not be reached in time", True),
    (httpx.TimeoutException, "did not answer in time", True),
    (httpx.ConnectError, "could not be reached", True),
    (httpx.ProxyError, "could not be reached by the proxy", True),
    (httpx.NetworkError, "broke the connection", True),
    (httpx.ProtocolError, "broke off, or answered something that is not HTTP", True),
    (EncodedError, "answered in an encoding that was not asked for", True),
)


@dataclass(kw_only=True)
class Client:
    """Calls the hosts of one other system. One for each sandbox, because it remembers how they are.

    A call takes as long as its deadline, and no longer. Only methods that may be repeated are, and others if they have
    an idempotency key or are said to be safe. Cookies and redirects are not followed. No text of an exception, span or
    chain of exceptions has an id, a query, a header or a body in it.
    """

    words: frozenset[str]
    """Of the API's paths: what may be shown of a URL. Every other segment is shown as `{id}`."""
    traces_to: frozenset[str] = frozenset()
    """Hosts that are told which trace a call belongs to. No other host gets such a header, whoever set it."""
    tracing: Tracing = field(default_factory=NoTracing)
    retries: Retries = field(default_factory=Retries)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limit_bytes: int = 1024 * 1024
    """The largest body that is read."""
    sign: Sign | None = None
    """Called with each attempt as it is about to be sent; adds headers, and nothing is changed after it."""
    judge: Judge = judge_status
    """Raises an AttemptError for an answer that is not one, given what may be shown of the call."""
    breaker_failures: int = 5
    breaker_open_seconds: float = 30.0
    transport: httpx.BaseTransport = field(default_factory=DeadlineTransport)
    clock: Clock = SYSTEM
    chance: Callable[[], float] = random.random
    _upstreams: dict[str, Upstream] = field(default_factory=dict, init=False)

    def call(
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        idempotency_key: str | None = None,
        safe: bool = False,
    ) -> HttpResponse:
        """Call the URL and return the response. `safe`: the call changes nothing, so it is retried whatever its method.

        Raises a CallError: the last attempt's AttemptError, a DeadlineError or a BreakerOpenError.
        """
        address = _address(url)
        shown = addresses.public(url, self.words)
        where = f"{method} {shown}"
        fixed = _headers(headers, idempotency_key)

        def attempt(number: int) -> HttpResponse:
            with self.tracing.call(method, shown, attempt=number) as span:
                trace_headers = span.headers if address.host in self.traces_to else {}
                answer = self._send(
                    _request(method, address, {**fixed, **trace_headers}, content, where), where, deadline
                )
                span.answered(answer.status)
                self.judge(answer, where)
                return answer

        retries = self.retries if safe or method in SAFE_TO_REPEAT or idempotency_key is not None else NO_RETRIES
        return self.upstream(address).call(attempt, retries=retries, deadline=deadline)

    def upstream(self, address: httpx.URL) -> Upstream:
        """Return the circuit breaker and retry budget of a host."""
        name = addresses.public(f"{address.scheme}://{address.netloc.decode()}", ())
        # setdefault is atomic: two threads that meet a host for the first time share one.
        return self._upstreams.get(name) or self._upstreams.setdefault(
            name,
            Upstream(
                name=name,
                breaker=Breaker(
                    failures=self.breaker_failures, open_seconds=self.breaker_open_seconds, clock=self.clock
                ),
                budget=RetryBudget(),
                clock=self.clock,
                chance=self.chance,
            ),
        )

    def _send(self, request: httpx.Request, where: str, deadline: Deadline) -> HttpResponse:
        if self.sign is not None:
            self.sign(request)
        failure: AttemptError
        try:
            return exchange(
                self.transport, request, timeouts=self.timeouts, deadline=deadline, limit_bytes=self.limit_bytes
            )
        except TooLargeError:
            failure = LargeAnswerError(
                f"{where}: answered more than {self.limit_bytes} bytes", transient=False, unhealthy=False
            )
        except (httpx.TransportError, EncodedError) as error:
            failure = _failure(error, where)
        # Outside of the handlers, so that no chain of exceptions leads to what httpx says of the request.
        raise failure


def _failure(error: Exception, where: str) -> AttemptError:
    for kind, what, unhealthy in _FAILURES:
        if isinstance(error, kind):
            return AttemptError(f"{where}: {what}", transient=True, unhealthy=unhealthy)
    return AttemptError(f"{where}: {type(error).__name__}", transient=False, unhealthy=False)


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        address = httpx.URL("")
    if address.userinfo or not (address.scheme == "https" or (address.scheme == "http" and address.host in LOOPBACK)):
        raise CallError(
            "the URL of a call is not allowed; give https://host/path, without a user (http only on this machine)"
        )
    return address


def _headers(headers: Mapping[str, str] | None, idempotency_key: str | None) -> dict[str, str]:
    fixed = {"accept": "application/json", "accept-encoding": "identity", "user-agent": USER_AGENT}
    fixed |= {name.lower(): value for name, value in (headers or {}).items() if not trace.NAMES.fullmatch(name.lower())}
    if idempotency_key is not None:
        fixed["idempotency-key"] = idempotency_key
    return fixed


def _request(method: str, address: httpx.URL, headers: Mapping[str, str], content: bytes, where: str) -> httpx.Request:
    try:
        return httpx.Request(method, address, headers=dict(headers), content=content)
    except ValueError:
        failure = CallError(f"{where}: a header has characters that cannot be sent")
    raise failure
