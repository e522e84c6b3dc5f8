"""What the local origin's hooks run: refuse a push while the cloud is down, else tell it, and follow what it started.

A file of its own that needs the standard library alone, so that a push never fails for want of a tool.
"""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTHING = "0" * 40
BRANCHES = "refs/heads/"
DO_NOT_FOLLOW = "PENSTOCK_DO_NOT_FOLLOW"
NOT_RUNNING = "The local cloud is not running; `make up` starts it."


class CloudError(Exception):
    """Why the local cloud did not take a push."""


def main(hook: str, state_file: Path, checkout: Path, repository: str) -> int:
    """Be one hook; what was pushed comes on standard input."""
    if hook == "pre-receive":
        if not _is_running(state_file):
            sys.stderr.write(NOT_RUNNING + "\n")
            return 1
        return 0
    started = 0
    for before, after, branch in _pushed_branches():
        push = {
            "repository": repository,
            "branch": branch,
            "before": before,
            "after": after,
            "path": str(Path.cwd().resolve()),
        }
        try:
            executions = _post(state_file, push)["executions"]
        except CloudError as error:
            sys.stdout.write(f"{branch} was accepted, but the local cloud did not start it: {error}\n")
            continue
        if not executions:
            sys.stdout.write(f"No pipeline follows {branch}.\n")
        for execution in executions:
            sys.stdout.write(f"Pipeline {execution['pipeline']} started: execution {execution['id']}\n")
        started += len(executions)
    sys.stdout.flush()
    if started and DO_NOT_FOLLOW not in os.environ:
        _follow(checkout)
    return 0


def _pushed_branches() -> Iterator[tuple[str, str, str]]:
    for line in sys.stdin:
        before, after, reference = line.split(maxsplit=2)
        if reference.startswith(BRANCHES) and after.strip("0"):
            yield before, after, reference.strip().removeprefix(BRANCHES)


def _is_running(state_file: Path) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", _port(state_file), timeout=10)
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException, CloudError):
        return False


def _post(state_file: Path, push: dict[str, str]) -> dict[str, Any]:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", _port(state_file), timeout=60)
        connection.request("POST", "/_penstock/push", json.dumps(push), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CloudError(f"{type(error).__name__}: {error}") from error
    if response.status != http.HTTPStatus.OK:
        raise CloudError(str(answer.get("message", answer)))
    return answer


def _port(state_file: Path) -> int:
    try:
        return int(json.loads(state_file.read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CloudError(NOT_RUNNING) from error


def _follow(checkout: Path) -> None:
    """Show the run as it goes. It belongs to the cloud: whatever ends this ends neither the run nor the push."""
    penstock = checkout / ".venv/bin/penstock"
    if not penstock.exists():
        return
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        subprocess.run([penstock, "status", "--follow"], cwd=checkout, env=environment, check=False)
    except (OSError, KeyboardInterrupt):
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]))
