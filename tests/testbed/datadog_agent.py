"""Datadog's own test agent on loopback, which takes real traces and shows them."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.local.processes import free_port

PROGRAM = Path(sys.prefix) / "bin" / "ddapm-test-agent"


@dataclass(frozen=True)
class Agent:
    """One that runs."""

    url: str

    def spans(self) -> list[dict[str, Any]]:
        """Every span that it was sent, of all traces."""
        return [span for trace in self._get("/test/session/traces") for span in trace]

    def clear(self) -> None:
        """Forget them."""
        urllib.request.urlopen(f"{self.url}/test/session/clear").close()  # noqa: S310 - its own address

    def answers(self) -> bool:
        """Return whether the agent answers yet."""
        try:
            self._get("/info")
        except urllib.error.URLError:
            return False
        return True

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}") as answer:  # noqa: S310 - as above
            return json.load(answer)


@contextmanager
def running(folder: Path) -> Iterator[Agent]:
    """Start one, and stop it."""
    ports = [str(free_port()) for _ in range(4)]
    flags = ("--port", "--otlp-http-port", "--otlp-grpc-port", "--web-ui-port")
    arguments = [part for pair in zip(flags, ports, strict=True) for part in pair]
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, *arguments, "--log-level", "ERROR"], cwd=folder, stdout=log, stderr=log)
    agent = Agent(f"http://127.0.0.1:{ports[0]}")
    pause = threading.Event()
    try:
        for _ in range(300):
            if process.poll() is not None or agent.answers():
                break
            pause.wait(0.1)
        assert agent.answers(), (folder / "agent.log").read_text()
        yield agent
    finally:
        process.terminate()
        process.wait()
