"""A local cloud for each test session, on a port and in a folder of its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.environment import drop_aws_variables
from pipeline.local.lifecycle import CHECKOUT, LocalCloud, Place, start, stop
from pipeline.local.processes import free_port

FreshCloud = Callable[..., LocalCloud]


@pytest.fixture(scope="session", autouse=True)
def _without_aws_variables() -> None:
    """No test here may meet somebody's credentials, profile or endpoint."""
    drop_aws_variables(os.environ)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One cloud for all tests that leave it alive: `.endpoint`, `.port`, `.client(service, account, region)`."""
    place = Place(home=tmp_path_factory.mktemp("cloud"), port=free_port())
    yield start(place, surroundings=os.environ)
    stop(place)


@pytest.fixture(scope="session")
def equipped_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One whose builds find the tools of this checkout, as `penstock up` starts it: for whole pipelines."""
    place = Place(home=tmp_path_factory.mktemp("equipped"), port=free_port())
    tools = (CHECKOUT / ".venv").resolve()
    equipped = {"PENSTOCK_TOOLS": str(tools / "bin"), "PENSTOCK_CACHE": str(tools.parent)}
    yield start(place, surroundings={**os.environ, **equipped})
    stop(place)


@pytest.fixture
def fresh_cloud(tmp_path: Path) -> Iterator[FreshCloud]:
    """Starts a cloud that the test may kill, and starts it again: `fresh_cloud()`, `fresh_cloud(without=("lambda",))`.

    Each call uses the same place, so that the second finds what the first left. It takes what `start` takes.
    """
    place = Place(home=tmp_path / "home", port=free_port())

    def begin(**settings: Any) -> LocalCloud:
        return start(place, **({"surroundings": os.environ} | settings))

    yield begin
    stop(place)
