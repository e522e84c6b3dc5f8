"""What `make bench` is made of: each file here measures one figure, several times, and the medians are printed last.

A new figure is a new file `bench_<name>.py` with a function `measure_<name>(figure)`; `clone` gives it a platform.
"""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.figures import Figure
from tests.end_to_end.clone import Clone, make

FIGURES = pytest.StashKey[list[Figure]]()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """The figure of this file, named as its function; printed once all are measured."""
    made = Figure(name=request.function.__name__.removeprefix("measure_").replace("_", " "))
    request.config.stash.setdefault(FIGURES, []).append(made)
    return made


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A platform that has reached production once and approves by itself."""
    made = make(Path(tmp_path_factory.mktemp("bench")))
    try:
        up = made.up("APPROVE=auto")
        assert up.returncode == 0, up.stdout + up.stderr
        yield made
    finally:
        made.penstock("down")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures; docs/benchmarks.md keeps the last ones."""
    figures = config.stash.get(FIGURES, [])
    if not figures:
        return
    load = os.getloadavg()[0]
    terminalreporter.section(f"medians on {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}")
    for figure in figures:
        for line in figure.lines():
            terminalreporter.write_line(line)
