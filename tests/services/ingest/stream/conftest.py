"""What the simulations counted, printed last; docs/soak.md keeps the figures of the full sizes."""

from collections.abc import Callable

import pytest

COUNTED = pytest.StashKey[list[str]]()


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Notes named numbers of this test."""

    def note(**numbers: object) -> None:
        text = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in numbers.items())
        request.node.user_properties.append(("counted", f"{request.node.name}: {text}"))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in getattr(report, "user_properties", [])
        if name == "counted" and "full" in str(value)
    ]
    if lines:
        terminalreporter.section("stream simulations, seeds 0 to 99")
        for line in sorted(set(lines)):
            terminalreporter.write_line(line)
