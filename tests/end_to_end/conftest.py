"""Platforms that tests share: one of all that there is, and a small one for what needs many pushes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.clone import Clone, make, narrow

ORDER = ("test_promotion", "test_recovery", "test_round_trip", "test_push")
"""What takes long comes first. Each finds a platform whose last run succeeded; the last leaves a stopped run."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with these files and with the others here, which take longest.

    Files with local clouds are next, which mostly wait; the slow ones that only compute are last, where the worker that
    computes begins. So what is left at the end is short.
    """
    here = Path(__file__).parent
    clouds = {item.path for item in items if item.get_closest_marker("cloud")}
    slow = {item.path for item in items if item.get_closest_marker("slow")} - clouds

    def place(item: pytest.Item) -> tuple[int, int]:
        if not item.path.is_relative_to(here):
            return len(ORDER) + 1, 0 if item.path in clouds else 2 if item.path in slow else 1
        return ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER), 0

    items.sort(key=place)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone whose first `make up` has brought every service to production."""
    yield from _brought_up(make(Path(tmp_path_factory.mktemp("end_to_end"))))


@pytest.fixture(scope="session")
def small_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone with an API and a stream in two stages, which takes a push a third of the time."""
    made = make(Path(tmp_path_factory.mktemp("small")))
    narrow(made, "Ingest()", "Intake(claim_check=True)")
    yield from _brought_up(made)


def _brought_up(made: Clone) -> Iterator[Clone]:
    try:
        up = made.up()
        assert up.returncode == 0, up.stdout + up.stderr
        made.said = up.stdout + up.stderr
        yield made
    finally:
        made.penstock("down")


@pytest.fixture(scope="module")
def clone(platform: Clone) -> Clone:
    """The whole platform, whose runs wait for approval."""
    return platform


@pytest.fixture(scope="module")
def approving(small_platform: Clone) -> Clone:
    """The small platform, as the files before have left it, where every run is approved at once."""
    up = small_platform.up("APPROVE=auto")
    assert up.returncode == 0, up.stdout + up.stderr
    return small_platform
