"""A FHIR datastore on loopback that checks every signature by itself, pages as it likes, and fails on demand."""

import json
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials

from services.library.runtime.client import Client
from services.library.runtime.fhir import LIMIT_BYTES, WORDS, FhirStore, Signer, judge
from services.library.runtime.resilience import Retries
from services.library.runtime.transport import Timeouts

REGION = "eu-west-1"
TYPES = frozenset({"Patient", "Observation"})
BASE = "/datastore/0123456789abcdef/r4/"
Json = dict[str, Any]


class Rotating:
    """Credentials that are others every few times that somebody asks; an older set stays good, as on AWS."""

    def __init__(self, every: int = 1) -> None:
        self.every, self.asked = every, 0

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        number = self.asked // self.every
        self.asked += 1
        return ReadOnlyCredentials(f"ASIA{number:016d}", f"secret-{number}", f"token-{number}")


def _well(_: int) -> str | None:
    return None


@dataclass
class Seen:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    signed: bool


@dataclass
class Server:
    """The datastore and what a test sets of it."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    resources: dict[str, Json] = field(default_factory=dict)
    """`Patient/1` -> it."""
    fault: Callable[[int], str | None] = _well
    """Request number -> throttled, throttled_400, 503, reset, or None."""
    link: Callable[[str], str] = lambda url: url
    """What stands in a Bundle in the place of a right next link."""
    answer: tuple[int, bytes] | None = None
    """What is answered to everything, whatever it is."""
    tokens: dict[str, tuple[list[Json], int]] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}{BASE}"

    def respond(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        if self.answer is not None:
            return self.answer[0], {}, self.answer[1]
        parts = urlsplit(seen.target).path.removeprefix(BASE).split("/")
        query = dict(parse_qsl(urlsplit(seen.target).query))
        if seen.method == "PUT":
            return self._put("/".join(parts), seen)
        if "page" in query:
            return 200, {}, self._page(query["page"])
        if parts[-1] == "_search":
            form = dict(parse_qsl(seen.body.decode()))
            found = [each for key, each in self.resources.items() if key.startswith(f"{parts[0]}/")]
            return 200, {}, self._page(self._token(found, 0, int(form["_count"])))
        found_one = self.resources.get("/".join(parts))
        if found_one is None:
            return 404, {}, outcome("not-found", f"{seen.target} is not known")
        return 200, {"ETag": f'W/"{found_one["meta"]["versionId"]}"'}, json.dumps(found_one).encode()

    def _put(self, key: str, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        before = self.resources.get(key)
        version = int(before["meta"]["versionId"]) if before else 0
        if "if-match" in seen.headers and seen.headers["if-match"] != f'W/"{version}"':
            return 412, {}, outcome("conflict", "another version")
        self.resources[key] = {**json.loads(seen.body), "meta": {"versionId": str(version + 1)}}
        return 200 if before else 201, {"ETag": f'W/"{version + 1}"'}, b"{}"

    def _token(self, found: list[Json], start: int, size: int) -> str:
        token = f"AAMA-{len(self.tokens)}-{start}-{size}~%2F+="
        self.tokens[token] = (found, start)
        return token

    def _page(self, token: str) -> bytes:
        found, start = self.tokens[token]
        size = int(token.partition("~")[0].split("-")[3])
        links = [{"relation": "self", "url": "?"}]
        if start + size < len(found):
            # As HealthLake writes it: of what a token may hold, only the percent sign is encoded.
            following = self._token(found, start + size, size).replace("%", "%25")
            links.append({"relation": "next", "url": self.link(f"{self.endpoint}Patient?page={following}")})
        entries = [{"resource": each, "search": {"mode": "match"}} for each in found[start : start + size]]
        content = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links, "entry": entries}
        return json.dumps(content).encode()

    def is_signed(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bool:
        """Sign the same request again with botocore, with the secret that belongs to the key, and compare."""
        given = headers.get("authorization", "")
        if "SignedHeaders=" not in given:
            return False
        number = int(given.partition("ASIA")[2][:16])
        names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        again = AWSRequest(
            method=method,
            url=f"http://{headers['host']}{_canonical(target)}",
            data=body,
            headers={name: headers[name] for name in names if name not in {"x-amz-date", "x-amz-security-token"}},
        )
        auth = SigV4Auth(Credentials(f"ASIA{number:016d}", f"secret-{number}", f"token-{number}"), "healthlake", REGION)
        again.context["timestamp"] = headers["x-amz-date"]
        again.headers["X-Amz-Date"] = headers["x-amz-date"]
        again.headers["X-Amz-Security-Token"] = f"token-{number}"
        signature = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
        return given.endswith(f"Signature={signature}") and {"host", "x-amz-date", "x-amz-security-token"} <= set(names)


def _canonical(target: str) -> str:
    """The target with its query's names and values encoded anew, as a server sees them: a plus sign is one."""
    path, mark, query = target.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")] if mark else []
    encoded = [f"{quote(unquote(name), safe='~')}={quote(unquote(value), safe='~')}" for name, _, value in pairs]
    return path + mark + "&".join(encoded)


def outcome(code: str, diagnostics: str, **others: Any) -> bytes:
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics, **others}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


@contextmanager
def running() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            """Nothing."""

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            signed = server.is_signed(self.command, self.path, headers, body)
            server.seen.append(Seen(self.command, self.path, headers, body, signed))
            fault = server.fault(len(server.seen))
            if fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return
            status, extra, content = _FAULTS.get(fault or "") or (
                server.respond(server.seen[-1]) if signed else (403, {}, outcome("forbidden", "signature"))
            )
            self.send_response(status)
            for name, value in {**extra, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - http.server's names

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Without a shutdown before it, closing a socket that does not linger is a reset.
    listening.shutdown_request = listening.close_request  # type: ignore[method-assign] # as above
    listening.handle_error = lambda *_: None  # type: ignore[method-assign] # resets are on purpose
    server.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    listening.shutdown()
    listening.server_close()


_FAULTS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "throttled": (429, {}, outcome("throttled", "slow down")),
    "throttled_400": (400, {"x-amzn-errortype": "ThrottlingException"}, b'{"message":"Rate exceeded"}'),
    "503": (503, {}, b"upstream"),
}


def store(server: Server, *, rotating: Rotating | None = None, attempts: int = 4, **others: Any) -> FhirStore:
    return FhirStore(
        endpoint=server.endpoint,
        client=Client(
            words=WORDS | TYPES,
            sign=Signer(region=REGION, credentials=rotating or Rotating()),
            judge=judge,
            limit_bytes=LIMIT_BYTES,
            retries=Retries(attempts=attempts, first_pause_seconds=0.001, longest_pause_seconds=0.002),
            timeouts=Timeouts(read=5.0),
            **others,
        ),
    )


def five_percent(seed: int) -> Callable[[int], str | None]:
    chance = random.Random(seed)  # noqa: S311 - a test that can be run again

    def fault(_: int) -> str | None:
        return chance.choice(["throttled", "throttled_400", "503", "reset"]) if chance.random() < 0.05 else None

    return fault
