"""Apache Velocity for the tests here; they are skipped, with the way to get it, where it is not installed."""

from collections.abc import Iterator

import pytest

from tests.services.library.velocity.oracle import MISSING, Velocity, jars, oracle


@pytest.fixture(scope="session")
def velocity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Velocity]:
    """A running Velocity 1.7."""
    if not jars():
        pytest.skip(MISSING)
    with oracle(tmp_path_factory.mktemp("velocity")) as running:
        yield running
