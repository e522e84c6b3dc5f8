"""A service's tests in a process beside, begun anew at each change: what fails is said as it comes."""

import os
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.local.environment import drop_aws_variables

OPTIONS = ("-n", "0", "-p", "no:randomly", "--tb=line", "--no-header", "-rN", "-v")
FAILED = re.compile(r"\S+::.* (FAILED|ERROR)\b")
REASONS = re.compile(r"=+ (FAILURES|ERRORS) =+")
Say = Callable[[str], None]


@dataclass(kw_only=True)
class ServiceTests:
    """The tests of one service."""

    root: Path
    folder: str
    """Such as services/payments/tests."""
    say: Say
    """Called from a thread of its own."""
    _running: "subprocess.Popen[str] | None" = None
    _reader: threading.Thread | None = None

    def begin(self) -> None:
        """Run them; those that still run are of files that are no more."""
        self.end()
        environment = dict(os.environ)
        drop_aws_variables(environment)
        self._running = subprocess.Popen(
            [str(self.root / ".venv/bin/python"), "-m", "pytest", *OPTIONS, self.folder],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is not theirs
        )
        self._reader = threading.Thread(target=_read, args=(self._running, self.say), daemon=True)
        self._reader.start()

    def end(self) -> None:
        """Stop them, if they still run."""
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()
        self.wait()

    def wait(self) -> None:
        """Return once all is said of them."""
        if self._reader is not None:
            self._reader.join()


def _read(running: "subprocess.Popen[str]", say: Say) -> None:
    """Say each test that fails at once, and at the end why, each reason once; of tests that pass, how many."""
    lines: list[str] = []
    with running:  # which ends with it
        for line in running.stdout or ():
            lines.append(line.rstrip())
            if found := FAILED.match(line):
                say(found[0])
    if running.returncode < 0 or not lines:
        return  # the next change has ended them
    begin = next((number for number, line in enumerate(lines) if REASONS.match(line)), len(lines))
    for line in dict.fromkeys(each for each in lines[begin:-1] if not each.startswith(("=", "_"))):
        say(line)
    say(lines[-1].strip("= "))
