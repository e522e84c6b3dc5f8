"""The probe: it passes for the endpoint's own answer and for nobody else's."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.builds import probe


class Endpoint(BaseHTTPRequestHandler):
    """Answers by the path: a status, a redirect to one, or nothing at all."""

    def do_GET(self) -> None:
        what = self.path.strip("/").removeprefix("?status=")
        if what == "closed":
            return
        self.send_response(302 if what == "moved" else int(what))
        if what == "moved":
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "expected", "answer"),
    [("200", 200, 0), ("500", 200, 1), ("403", 403, 0), ("moved", 200, 1), ("moved", 302, 0), ("closed", 200, 1)],
)
def test_probe_passes_for_the_status_that_the_endpoint_itself_answers(
    url: str, path: str, expected: int, answer: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["probe", url, "--path", path, "--expect-status", str(expected), "--attempts", "2"]
    monkeypatch.setattr(sys, "argv", words)
    assert probe.main() == answer
    assert capsys.readouterr().out.count(f"GET {url}/{path}: ") == (1 if answer == 0 else 2)


def test_probe_of_the_local_cloud_asks_for_the_whole_path(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setattr(
        sys, "argv", ["probe", "https://api.example", "--path", "/?status=204", "--expect-status", "204"]
    )
    assert probe.main() == 0
