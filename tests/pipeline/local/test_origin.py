"""A push to the local origin reaches the local cloud, or is refused; it never hangs on who follows it."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipeline.local import origin
from pipeline.local.lifecycle import CloudLocation


class Listener(BaseHTTPRequestHandler):
    """Stands in for the local cloud: it keeps what it is told."""

    told: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        push = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.told.append({"url": self.path} | push)
        started = [{"pipeline": "Penstock", "id": "e-1"}] if push["branch"] == "main" else []
        self._answer({"executions": started})

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Quiet."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[CloudLocation]:
    """A place whose cloud is the listener."""
    Listener.told.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    place = CloudLocation(home=tmp_path / "a home" / ".penstock", port=server.server_port)
    place.home.mkdir(parents=True)
    place.state_file.write_text(json.dumps({"port": place.port}), encoding="utf-8")
    yield place
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose path needs quoting, and a person whose global configuration has hooks of its own."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[core]\n\thooksPath = {tmp_path / 'elsewhere'}\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    checkout = tmp_path / "it's a checkout"
    checkout.mkdir()
    _git(checkout, "init", "--quiet", "--initial-branch=main")
    _commit(checkout)
    return checkout


def _git(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True, check=False)


def _commit(checkout: Path) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    _git(checkout, *author, "commit", "--quiet", "--allow-empty", "--message", "A change")
    return _git(checkout, "rev-parse", "HEAD").stdout.strip()


def _follower(checkout: Path, script: str) -> None:
    penstock = checkout / ".venv/bin/penstock"
    penstock.parent.mkdir(parents=True)
    penstock.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    penstock.chmod(0o755)


def test_a_push_of_main_tells_the_cloud_what_came_and_where(place: CloudLocation, checkout: Path) -> None:
    bare = origin.create(place, checkout=checkout, repository="penstock")
    first = _git(checkout, "rev-parse", "HEAD").stdout.strip()
    assert _git(checkout, "push", "local", "main").returncode == 0
    second = _commit(checkout)
    pushed = _git(checkout, "push", "local", "main")
    assert pushed.returncode == 0
    assert "Pipeline Penstock started: execution e-1" in pushed.stderr
    expected = {"url": "/_penstock/push", "repository": "penstock", "branch": "main", "path": str(bare)}
    assert Listener.told == [
        expected | {"before": "0" * 40, "after": first},
        expected | {"before": first, "after": second},
    ]


def test_a_push_of_another_branch_starts_nothing_and_says_so(place: CloudLocation, checkout: Path) -> None:
    origin.create(place, checkout=checkout, repository="penstock")
    pushed = _git(checkout, "push", "local", "main:idea")
    assert pushed.returncode == 0
    assert "No pipeline follows idea." in pushed.stderr


def test_a_deleted_branch_is_not_told(place: CloudLocation, checkout: Path) -> None:
    origin.create(place, checkout=checkout, repository="penstock")
    _git(checkout, "push", "local", "main:idea")
    assert _git(checkout, "push", "local", ":idea").returncode == 0
    assert len(Listener.told) == 1


def test_a_push_is_refused_while_the_cloud_is_down_so_that_nothing_is_lost(tmp_path: Path, checkout: Path) -> None:
    place = CloudLocation(home=tmp_path / ".penstock", port=1)
    bare = origin.create(place, checkout=checkout, repository="penstock")
    refused = _git(checkout, "push", "local", "main")
    assert refused.returncode != 0
    assert "The local cloud is not running; `make up` starts it." in refused.stderr
    assert _git(bare, "branch").stdout == ""


def test_the_run_is_followed_and_its_failure_is_not_the_pushs(place: CloudLocation, checkout: Path) -> None:
    _follower(checkout, 'echo "following: $*"; exit 1')
    origin.create(place, checkout=checkout, repository="penstock")
    pushed = _git(checkout, "push", "local", "main")
    assert pushed.returncode == 0
    assert "following: status --follow" in pushed.stderr


def test_creating_it_again_changes_nothing_but_what_moved(place: CloudLocation, checkout: Path) -> None:
    origin.create(place, checkout=checkout, repository="penstock")
    _git(checkout, "push", "local", "main")
    bare = origin.create(place, checkout=checkout, repository="renamed")
    assert _git(bare, "rev-parse", "main").returncode == 0
    _commit(checkout)
    _git(checkout, "push", "local", "main")
    assert Listener.told[-1]["repository"] == "renamed"


def test_a_worktree_has_a_remote_of_its_own(place: CloudLocation, checkout: Path, tmp_path: Path) -> None:
    bare = origin.create(place, checkout=checkout, repository="penstock")
    worktree = tmp_path / "an idea"
    assert _git(checkout, "worktree", "add", "-b", "idea", str(worktree)).returncode == 0
    _git(checkout, "remote", "set-url", "local", "/elsewhere")
    origin.create(place, checkout=worktree, repository="penstock")
    assert _git(checkout, "remote", "get-url", "local").stdout.strip() == "/elsewhere"
    assert _git(worktree, "remote", "get-url", "local-an-idea").stdout.strip() == str(bare)
    origin.push(worktree, "HEAD:refs/heads/main", follow=False)
    assert len(Listener.told) == 1


def test_nothing_of_the_persons_configuration_is_written(place: CloudLocation, checkout: Path) -> None:
    before = (Path(os.environ["HOME"]) / ".gitconfig").read_bytes()
    origin.create(place, checkout=checkout, repository="penstock")
    assert (Path(os.environ["HOME"]) / ".gitconfig").read_bytes() == before
