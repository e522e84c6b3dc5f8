"""Sends one request over a socket, within its deadline whatever the other side does, and reads no more than allowed.

httpx bounds each operation on a socket, so an answer that comes byte by byte takes as long as it likes; here every one
of them, from looking up the name to the last byte, gets what is left of the deadline and no more.
"""

import functools
import logging
import os
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpcore
import httpx

from . import exact_json
from .resilience import Deadline

Address = tuple[str, int]
Lookup = Callable[[str, int], list[Address]]
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

LONGEST_CONNECT_SECONDS = 60.0
"""Where nobody says how long."""

_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class TooLargeError(Exception):
    """An answer has more bytes than are allowed."""


class EncodedError(Exception):
    """An answer is compressed, though nobody asked for it: what it would become has no limit."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """The longest that each step of one attempt takes, in seconds; all of them end with the deadline."""

    connect: float = 1.0
    """To connect and, again, to agree on a TLS session."""
    read: float = 5.0
    """Between two pieces of an answer."""
    write: float = 5.0
    pool: float = 1.0
    """To wait for a connection that others hold."""

    def within(self, deadline: Deadline) -> dict[str, float]:
        """Return the timeouts that are left, as httpx's extension `timeout`."""
        left = deadline.remaining
        return {
            "connect": min(self.connect, left),
            "read": min(self.read, left),
            "write": min(self.write, left),
            "pool": min(self.pool, left),
        }


@dataclass(frozen=True, kw_only=True)
class HttpResponse:
    """A response. Its text says the status alone: headers and body may be about a person."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError, which quotes nothing."""
        return exact_json.read(self.body)


class DeadlineTransport(httpx.BaseTransport):
    """httpx's own transport over sockets that know the deadline. Keeps connections, knows no cookies and no redirects.

    `HTTPS_PROXY` and `SSL_CERT_FILE` mean what they mean everywhere, so that functions can be made to leave their
    network by one door; nothing else of the environment counts.
    """

    def __init__(self, *, verify: ssl.SSLContext | None = None, lookup: Lookup | None = None) -> None:
        # At DEBUG it writes headers and pieces of what the other side sent, whoever asked for that level.
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        verify = verify or _trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        backend = _Backend(lookup or look_up)
        proxy = os.environ.get("HTTPS_PROXY")
        if proxy and not proxy.startswith("http://"):
            # Within TLS to the proxy, what is written here would leave the inner TLS out.
            raise ValueError("HTTPS_PROXY is not allowed as it is; give the proxy's address as http://host:port.")
        self._plain = _over(httpcore.ConnectionPool(ssl_context=verify, network_backend=backend), verify)
        self._secure = (
            _over(httpcore.HTTPProxy(proxy, ssl_context=verify, network_backend=backend), verify)
            if proxy
            else self._plain
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the response's body is still to be read."""
        return (self._secure if request.url.scheme == "https" else self._plain).handle_request(request)

    def close(self) -> None:
        """Close what is open."""
        self._plain.close()
        self._secure.close()


@functools.cache
def _trust(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Read the authorities that the environment names, or certifi's, once for all transports: that takes 20 ms."""
    return httpx.create_ssl_context()


def _over(pool: httpcore.ConnectionPool, verify: ssl.SSLContext) -> httpx.HTTPTransport:
    transport = httpx.HTTPTransport(verify=verify, trust_env=False)
    # httpx has no parameter for the sockets of its pool. tests/test_transport.py fails if this stops working.
    transport._pool = pool  # noqa: SLF001 - as above
    return transport


def exchange(
    transport: httpx.BaseTransport, request: httpx.Request, *, timeouts: Timeouts, deadline: Deadline, limit_bytes: int
) -> HttpResponse:
    """Send a request once and read its response. Raises httpx's TransportError, TooLargeError or EncodedError."""
    request.extensions = {**request.extensions, "timeout": timeouts.within(deadline)}
    with _until(deadline):
        response = transport.handle_request(request)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise EncodedError
            body = _read(response, limit_bytes)
        finally:
            response.close()
    return HttpResponse(status=response.status_code, headers=response.headers, body=body)


def _read(response: httpx.Response, limit_bytes: int) -> bytes:
    body = bytearray()
    assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - what a transport that is not async answers
    for piece in response.stream:
        if len(body) + len(piece) > limit_bytes:
            raise TooLargeError
        body += piece
    return bytes(body)


def look_up(host: str, port: int) -> list[Address]:
    """Return the addresses of a host, as this machine's resolver knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(address[0]), port) for *_, address in found]


@contextmanager
def _until(deadline: Deadline) -> Iterator[None]:
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def _left(timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    """Return the time for one operation. A socket whose time is 0 would not wait at all, so 0 is an error here."""
    deadline = _deadline.get()
    left = timeout if deadline is None else min(deadline.remaining, deadline.remaining if timeout is None else timeout)
    if left is not None and left <= 0:
        raise error
    return left


class _Backend(httpcore.NetworkBackend):
    """Connects within the time that is left, over all addresses of a host together."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.NetworkStream:
        """Try each address with an even share of the time."""
        until = Deadline.after(_left(timeout, httpcore.ConnectTimeout) or LONGEST_CONNECT_SECONDS)
        addresses = self._addresses(host, port, until)
        failure: Exception = httpcore.ConnectError("no address")
        for position, (address, number) in enumerate(addresses):
            share = until.remaining / (len(addresses) - position)
            if share <= 0:
                raise httpcore.ConnectTimeout
            try:
                stream = self._sockets.connect_tcp(address, number, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream)
        raise failure

    def _addresses(self, host: str, port: int, until: Deadline) -> list[Address]:
        """Look the host up beside us, because nothing ends a resolver that has no answer."""
        answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._lookup(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(OSError(type(error).__name__))

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=until.remaining)
        except queue.Empty:
            raise httpcore.ConnectTimeout from None
        if isinstance(answer, OSError):
            raise httpcore.ConnectError(str(answer))
        return answer


class _Stream(httpcore.NetworkStream):
    """A socket of which no operation goes beyond the deadline of the call that uses it now."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes."""
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all bytes, with a new timeout for each part that the other side takes."""
        connection: socket.socket = self._stream.get_extra_info("socket")
        try:
            while buffer:
                connection.settimeout(_left(timeout, httpcore.WriteTimeout))
                buffer = buffer[connection.send(buffer) :]
        except TimeoutError:
            raise httpcore.WriteTimeout from None
        except OSError as error:
            raise httpcore.WriteError(type(error).__name__) from None

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Agree on a session; the time is for the whole of it."""
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout, httpcore.ConnectTimeout)))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks of a socket."""
        return self._stream.get_extra_info(info)
