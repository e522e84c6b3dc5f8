"""A plugin of pytest's that keeps which requests tests make to local clouds, and which permissions roles have there.

    pytest -p tests.testbed.recorded_permissions --record-permissions FOLDER ...

Clouds that a test starts and kills itself are left out.
"""

import json
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import LocalCloud
from pipeline.local.permissions import recorded
from tests.testbed.permission_mutations import Recorded, read

OPTION = "--record-permissions"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the recording be asked for."""
    parser.addoption(OPTION, type=Path, required=True, help="the folder for a file of each cloud")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to listen."""
    config.pluginmanager.register(_Recorder(config.getoption(OPTION)))


def kept(folder: Path) -> Iterator[Recorded]:
    """Yield what was recorded in each cloud."""
    for file in sorted(folder.glob("*.json")):
        yield read(json.loads(file.read_text(encoding="utf-8")))


class _Recorder:
    """Has each cloud record from its start, and asks it for what it has before it may end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: set[int] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Know a cloud by the fixture that started it."""
        made = yield
        if isinstance(made, LocalCloud):
            recorded(made.port)
            self._ports.add(made.port)
        return made

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Ask after the last test of each file, whose fixtures end then."""
        if nextitem is not None and nextitem.path == item.path:
            return
        for port in sorted(self._ports):
            try:
                found = recorded(port)
            except LocalCloudError:
                self._ports.remove(port)
                continue
            (self._folder / f"{port}.json").write_text(json.dumps(found), encoding="utf-8")
