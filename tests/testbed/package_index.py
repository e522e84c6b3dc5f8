"""A Python package index that only a proxy reaches, and only with its password: one small server is both."""

import base64
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

WHEEL = "example_tool-1.0-py3-none-any.whl"
LISTING = f'<a href="/files/{WHEEL}">{WHEEL}</a>'
METADATA = "Metadata-Version: 2.1\nName: example-tool\nVersion: 1.0\n"
TAGS = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(kw_only=True)
class PackageIndex:
    """What was asked of it."""

    url: str
    """Of the proxy."""
    answered: list[str] = field(default_factory=list)
    """Paths."""
    refused: list[str] = field(default_factory=list)
    """What came past the proxy or without the password."""


@contextmanager
def package_index(*, user: str, password: str) -> Iterator[PackageIndex]:
    """Serve one package for as long as this lasts."""
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    files = {"/simple/example-tool/": (LISTING.encode(), "text/html"), f"/files/{WHEEL}": (_wheel(), "application/zip")}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def _answer(self) -> None:
            address = urlsplit(self.path)  # a proxy is asked for a whole URL
            if not address.hostname or self.headers["Authorization"] != expected:
                index.refused.append(self.path)
                self.send_error(401)
                return
            body, kind = files.get(address.path, (b"", ""))
            index.answered.append(address.path)
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index = PackageIndex(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()


def _wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("example_tool.py", "")
        archive.writestr("example_tool-1.0.dist-info/METADATA", METADATA)
        archive.writestr("example_tool-1.0.dist-info/WHEEL", TAGS)
        archive.writestr("example_tool-1.0.dist-info/RECORD", "")
    return content.getvalue()
