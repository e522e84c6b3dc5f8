"""What `make bench` is made of: each file here measures one figure several times, and says it at once and at the end.

A new figure is a new file `bench_<name>.py` with a function `measure_<name>(figure)`; `clone` gives it a platform.
"""

import os
import platform
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.bench.figures import Figure
from tests.end_to_end.clone import Clone, make

FIGURE = pytest.StashKey[Figure]()
FIGURES = pytest.StashKey[list[Figure]]()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """The figure of this file, named as its function."""
    made = Figure(name=request.function.__name__.removeprefix("measure_").replace("_", " "))
    request.config.stash.setdefault(FIGURES, []).append(made)
    request.node.stash[FIGURE] = made
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Print a figure as soon as it is measured: all of them take many minutes."""
    result = yield
    figure = item.stash.get(FIGURE, None)
    terminal: pytest.TerminalReporter | None = item.config.pluginmanager.get_plugin("terminalreporter")
    if figure is not None and terminal is not None:
        terminal.line("")  # after the dots
        terminal.write_line(f"{figure.line()}  at a load of {os.getloadavg()[0]:.1f}", flush=True)
    return result


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
