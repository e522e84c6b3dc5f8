"""A pytest plugin: what a process of tests read of the checkout, and whether it did what cannot be seen from within.

`pytest -p tests.gate.observation` writes it, with the outcome, to the file that OBSERVATION names. It is loaded before
any file of ours, and holds for the whole process: what a module, a fixture or a cache has read once counts for every
test there.
"""

import json
import os
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

OBSERVATION = "PENSTOCK_TESTS_OBSERVATION"
"""The variable that names the file of the outcome."""
NODE_READS = "PENSTOCK_TESTS_NODE_READS"
"""The variable that names the file to which node.cjs adds what a Node process reads."""
SHARED = "PENSTOCK_TESTS_SHARED"
"""The variable that names the folder of what all processes of a run share, such as the assembly."""
STARTED = "started"
"""What node.cjs writes first."""
PROCESSES = ("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system")
"""Events of Python's that begin a process, whose reading is not seen."""
UNSEEN_LENGTH = 200
NATIVE_READERS = ("grimp",)
"""Packages that read source files past Python."""
KERNEL = "jsii-runtime.js"
"""The program that is jsii's kernel. Node loads node.cjs before it, which says what it reads."""


@dataclass(kw_only=True)
class Observation:
    """What one process of tests did."""

    read: list[str] = field(default_factory=list)
    """Every file that it opened, as an absolute path."""
    unseen: list[str] = field(default_factory=list)
    """What it did that may have read any file of the checkout."""
    passed: int = 0
    failed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """Reason -> how many tests."""


class Observer:
    """Listens to the interpreter's audit events."""

    def __init__(self, shared: str) -> None:
        self.read: set[str] = set()
        self.unseen: set[str] = set()
        self.kernels = 0
        self._shared = shared

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of one event."""
        if event == "open":
            self._opened(arguments[0])
        elif event in PROCESSES:
            self._began(event, arguments)

    def _opened(self, file: object) -> None:
        if not isinstance(file, str | bytes):
            return  # a descriptor, which was opened before
        path = os.path.abspath(os.fsdecode(file))  # noqa: PTH100 - pathlib follows links, and is too slow for each event
        self.read.add(path)
        if self._shared and path.startswith(self._shared):
            self.unseen.add("a result that another process may have made")

    def _began(self, event: str, arguments: tuple[Any, ...]) -> None:
        words = _command(arguments)
        if event == "subprocess.Popen" and any(Path(word).name == KERNEL for word in words):
            self.kernels += 1
        else:
            self.unseen.add(f"{event} {' '.join(words)}"[:UNSEEN_LENGTH])


def _command(arguments: tuple[Any, ...]) -> list[str]:
    """Return the command of an event that begins a process, as far as it says."""
    given = arguments[1] if len(arguments) > 1 else arguments
    words = given if isinstance(given, list | tuple) else [given]
    return [os.fsdecode(word) if isinstance(word, bytes) else str(word) for word in words]


class Plugin:
    """Counts the outcomes, and writes the observation at the end."""

    def __init__(self, observer: Observer, target: Path) -> None:
        self._observer = observer
        self._target = target
        self._passed = 0
        self._failed = 0
        self._skipped: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a phase of a test."""
        if report.failed:
            self._failed += 1
        elif report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._skipped[reason.removeprefix("Skipped: ")] += 1
        elif report.when == "call":
            self._passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count what could not be collected, or was skipped whole."""
        if report.failed:
            self._failed += 1
        elif report.skipped:
            self._skipped[str(report.longrepr)] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Write it."""
        observed = Observation(
            read=sorted(self._observer.read | modules() | node_reads()),
            unseen=sorted(self._observer.unseen | _past_python(self._observer.kernels)),
            passed=self._passed,
            failed=self._failed,
            skipped=dict(self._skipped),
        )
        self._target.write_text(json.dumps(asdict(observed)), encoding="utf-8")


def modules() -> set[str]:
    """Return the source of every module that was imported, however it came in."""
    return {file for module in list(sys.modules.values()) if isinstance(file := getattr(module, "__file__", None), str)}


def source_of(path: str) -> str:
    """Return the source of compiled code, Python's or pytest's, or else the path itself."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "__pycache__":  # noqa: PTH119 - as said: there are thousands
        return path
    return f"{os.path.dirname(folder)}/{name.partition('.')[0]}.py"  # noqa: PTH120 - as said


def node_reads() -> set[str]:
    """Return what Node processes said that they read."""
    return {line for line in _node_lines() if line != STARTED}


def _node_lines() -> list[str]:
    file = Path(os.environ[NODE_READS])
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _past_python(kernels: int) -> set[str]:
    found = {f"{name}, which reads past Python" for name in NATIVE_READERS if name in sys.modules}
    if _node_lines().count(STARTED) < kernels:
        found.add("a kernel of jsii that did not say what it read")
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Join in."""
    config.pluginmanager.register(Plugin(_OBSERVER, Path(os.environ[OBSERVATION])))


_OBSERVER = Observer(os.environ.get(SHARED, ""))
if OBSERVATION in os.environ:
    sys.addaudithook(_OBSERVER)
