"""A small partner system on loopback that knows of patients what our events leave out, and fails on demand.

    GET /v1/patients/<id>/coverage      what it knows; the same for the same id

It is every https host that functions call: they leave the local cloud by a proxy (`HTTPS_PROXY`), which is this too,
and find behind it whatever host they asked for, with a certificate of the local cloud's authority (`SSL_CERT_FILE`).

It speaks HTTP/1.1 over plain sockets, because what it does wrong is what no HTTP library would do.
"""

import asyncio
import gzip
import hashlib
import json
import re
import socket
import ssl
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.partner.certificates import Authority
from pipeline.local.cloud.partner.faults import Fault, Faults, Kind

COVERAGE = re.compile(r"/v1/patients/([A-Za-z0-9.-]{1,64})/coverage")
MORE_THAN_WANTED = 64 * 1024 * 1024
REMEMBERED = 10_000
SLOWLY = frozenset({Kind.SLOW, Kind.SILENT})
RESETTING = frozenset({Kind.RESET, Kind.BROKEN})
ANSWERING = frozenset({Kind.STATUS, Kind.SLOW, Kind.TRICKLE, Kind.COMPRESSED, Kind.NOT_JSON})
"""After which the connection can take another request."""
PAYERS = ("Northwind Mutual", "Contoso Health", "Fabrikam Care")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Partner:
    """The system, for as many connections as come."""

    authority: Authority | None = None
    """Whoever has none is called by plain HTTP alone."""
    faults: Faults = field(default_factory=Faults)
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, request after request."""
        try:
            while (request := await _read(reader)) is not None:
                if request.method == "CONNECT" and self.authority is not None:
                    await self._become(request.path.partition(":")[0], self.authority, writer)
                elif not await self._answered(request, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass  # whoever called has gone, or spoke something else
        except asyncio.CancelledError:
            pass  # the listener stops: no more than this connection hangs on the task
        finally:
            writer.close()

    async def _become(self, host: str, authority: Authority, writer: asyncio.StreamWriter) -> None:
        """Be the host that the proxy was asked for."""
        context = self._contexts.get(host) or self._contexts.setdefault(host, authority.context(host))
        await _write(writer, b"HTTP/1.1 200 -\r\n\r\n")
        await writer.start_tls(context)

    async def _answered(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer, and tell whether the connection can take another request."""
        self.requests.append(request)
        status, content = _asked(request)
        fault = self.faults.take(request.path)
        if fault is None:
            await _write(writer, _message(status, content))
            return True
        return await _fail(fault, status, content, writer)


def coverage(patient: str) -> dict[str, Any]:
    """Return what it knows of a patient, made from the id."""
    digest = hashlib.sha256(patient.encode()).digest()
    return {
        "patient": patient,
        "payer": PAYERS[digest[0] % len(PAYERS)],
        "member": digest[1:6].hex(),
        "active": digest[6] % 10 > 0,
    }


def _asked(request: Request) -> tuple[int, Any]:
    found = COVERAGE.fullmatch(request.path.partition("?")[0])
    if not found:
        return 404, {"message": "not found"}
    if request.method != "GET":
        return 405, {"message": "method not allowed"}
    return 200, coverage(found[1])


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None  # closed between two requests
        raise
    line, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = line.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method=method, path=path, headers=headers, body=body)


def _message(status: int, content: Any, *, headers: str = "") -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


async def _write(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(content)
    await writer.drain()


async def _fail(fault: Fault, status: int, content: Any, writer: asyncio.StreamWriter) -> bool:
    """Do it wrong; whether the connection can take another request."""
    whole = _message(status, content)
    if fault.kind in SLOWLY:
        await asyncio.sleep(fault.seconds)
    match fault.kind:
        case Kind.STATUS:
            wait = "" if fault.retry_after is None else f"retry-after: {fault.retry_after}\r\n"
            # Real systems quote what they were asked, so this one does too.
            await _write(writer, _message(fault.status, {"message": "failed", "about": content}, headers=wait))
        case Kind.SLOW:
            await _write(writer, whole)
        case Kind.TRICKLE:
            for byte in whole:
                await _write(writer, bytes((byte,)))
                await asyncio.sleep(fault.seconds / len(whole))
        case Kind.OVERSIZED:
            await _write(writer, b"HTTP/1.1 200 -\r\ncontent-type: application/json\r\n\r\n")
            for _ in range(MORE_THAN_WANTED // 65_536):
                await _write(writer, b" " * 65_536)
        case _:
            await _write(writer, _wrong(fault.kind, content))
    if fault.kind in RESETTING:
        await asyncio.sleep(0.01)  # what was sent arrives before the reset, which overtakes it otherwise
        _reset(writer)
    return fault.kind in ANSWERING


def _wrong(kind: Kind, content: Any) -> bytes:
    """Return what is sent in the place of an answer."""
    whole, body = _message(200, content), json.dumps(content).encode()
    zipped = gzip.compress(body)
    return {
        Kind.BROKEN: whole[:-8],
        Kind.TRUNCATED: whole[:-8],
        Kind.COMPRESSED: b"HTTP/1.1 200 -\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s"
        % (len(zipped), zipped),
        Kind.GARBAGE: b"\x16\x03\x01 %s\r\n\r\n" % body,
        Kind.NOT_JSON: b"HTTP/1.1 200 -\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        % (len(body) - 8, body[:-8]),
    }.get(kind, b"")


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets a reset instead of an end."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
