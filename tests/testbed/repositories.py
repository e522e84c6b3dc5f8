"""A git repository to push from, and the bare one behind it that the local cloud reads."""

import http.client
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.local.lifecycle import LocalCloud

NOTHING = "0" * 40
IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")


class Repository:
    """A checkout and its origin; `push` also tells the local cloud, as the origin's hook does."""

    def __init__(self, folder: Path, cloud: LocalCloud, name: str) -> None:
        self.cloud = cloud
        self.name = name
        self.origin = folder / "origin.git"
        self.checkout = folder / "checkout"
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin), at=folder)
        self._git("init", "--quiet", "--initial-branch=main", str(self.checkout), at=folder)
        self._git("remote", "add", "origin", str(self.origin))

    def push(self, files: Mapping[str, str], *, branch: str = "main", **more: str) -> dict[str, Any]:
        """Commit the files, push them, and tell the cloud; `commit` of the answer is the new commit."""
        known = self._git("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{branch}", check=False)
        commit = self.commit(files, branch=branch)
        told = self.tell(branch=branch, before=known or NOTHING, after=commit, **more)
        return {"commit": commit, **told}

    def commit(self, files: Mapping[str, str], *, branch: str = "main") -> str:
        """Commit and push, and tell nobody; the new commit."""
        for name, text in files.items():
            place = self.checkout / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        if self._git("symbolic-ref", "--short", "HEAD") != branch:
            self._git("checkout", "--quiet", "-B", branch)
        self._git("add", "--all")
        self._git(*IDENTITY, "commit", "--quiet", "--message", f"Change {', '.join(files)}")
        self._git("push", "--quiet", "origin", branch)
        return self._git("rev-parse", "HEAD")

    def tell(self, **push: str) -> dict[str, Any]:
        """What the origin's hook says to the cloud."""
        body = json.dumps({"repository": self.name, "path": str(self.origin), **push}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=20)
        connection.request("POST", "/_penstock/push", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        found: dict[str, Any] = json.loads(answer.read())
        connection.close()
        assert answer.status == 200, found
        return found

    def _git(self, *arguments: str, at: Path | None = None, check: bool = True) -> str:
        done = subprocess.run(["git", *arguments], cwd=at or self.checkout, check=check, capture_output=True, text=True)
        return done.stdout.strip()
