"""A plugin of pytest: when a test may be skipped.

pyproject.toml loads it, since a conftest.py has a say in its own folder alone.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest._code.code import TracebackEntry  # no public name has it

ROOT = Path(__file__).parents[2]
EMPTY = "got empty parameter set"
"""How pytest begins what it says of a test that has nothing to be run with."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test may be skipped for want of a tool, and says how to get it; continuous integration has every tool.

    A test of each service has nothing to be run with while a company has none; otherwise nobody would notice. A test
    that is not of this checkout is none of them.
    The summary has a line for each place that skips: the fixture, however many tests need it.
    """
    report = yield
    if not report.skipped:
        return report
    expected: str | None = getattr(report, "wasxfail", None)
    if expected is not None:
        if EMPTY in expected and (_has_services() or not item.path.is_relative_to(ROOT)):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} has nothing to be run with: {expected}"
    elif "CI" in os.environ:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI skips nothing: {report.longrepr}"
    elif call.excinfo is not None and (where := _ours(call.excinfo)):
        report.longrepr = (str(where.path), where.lineno + 1, f"Skipped: {call.excinfo.value}")
    return report


def _has_services() -> bool:
    return len(list((ROOT / "services").glob("*/service.py"))) > 0


def _ours(raised: pytest.ExceptionInfo[BaseException]) -> TracebackEntry | None:
    """Where our own code raised, rather than pytest for a mark of ours."""
    ours = [each for each in raised.traceback if Path(each.path).name.startswith(("conftest", "test_"))]
    return ours[-1] if ours else None
