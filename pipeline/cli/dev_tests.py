"""A service's tests in a process beside, begun anew at each change: what fails is said as it comes."""

import queue
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

OPTIONS = ("-n", "0", "-p", "no:randomly", "--tb=short", "--no-header", "-rN", "-v")
FAILED = (" FAILED ", " ERROR ")


@dataclass(kw_only=True)
class ServiceTests:
    """The tests of one service."""

    root: Path
    folder: str
    """Such as services/payments/tests."""
    _running: "subprocess.Popen[str] | None" = None
    _said: "queue.Queue[str]" = field(default_factory=queue.Queue)
    _reader: threading.Thread | None = None

    def begin(self) -> None:
        """Run them; those that still run are of files that are no more."""
        self.end()
        command = [str(self.root / ".venv/bin/python"), "-m", "pytest", *OPTIONS, self.folder]
        self._running = subprocess.Popen(
            command,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is not theirs
        )
        self._said = queue.Queue()
        self._reader = threading.Thread(target=_read, args=(self._running, self._said), daemon=True)
        self._reader.start()

    def new_lines(self) -> Iterator[str]:
        """Yield what is to be said of them since the last time."""
        while not self._said.empty():
            yield self._said.get()

    def end(self) -> None:
        """Stop them, if they still run."""
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()
            self._running.wait()

    def rest(self) -> Iterator[str]:
        """Yield what is to be said of them until they have ended."""
        if self._reader is not None:
            self._reader.join()
        yield from self.new_lines()


def _read(running: "subprocess.Popen[str]", said: "queue.Queue[str]") -> None:
    """Say each test that fails at once, and at the end why; of tests that pass, how many."""
    lines: list[str] = []
    with running:  # which ends with it
        for line in running.stdout or ():
            lines.append(line.rstrip())
            if any(mark in line for mark in FAILED):
                said.put(line.split(" [")[0].strip())
    code = running.returncode
    if code > 0:  # below 0: the next change has ended them
        begin = next((number for number, line in enumerate(lines) if line.startswith("=") and "passed" not in line), 0)
        for line in lines[begin:-1]:
            said.put(line)
    if code >= 0 and lines:
        said.put(lines[-1].strip("= "))
