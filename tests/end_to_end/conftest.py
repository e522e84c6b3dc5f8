"""One platform for all files here: bringing it up takes a minute, and each push a third of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.clone import Clone, make

ORDER = ("test_promotion", "test_recovery", "test_push")
"""What waits for a person comes before what approves by itself. Each file finds a platform whose last run succeeded."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with these files, which one worker has for itself, and with the two that have platforms of their own.

    Files with local clouds are next, which mostly wait, so that what is left at the end is short.
    """
    here = Path(__file__).parent
    clouds = {item.path for item in items if item.get_closest_marker("cloud")}

    def place(item: pytest.Item) -> tuple[int, bool]:
        if not item.path.is_relative_to(here):
            return len(ORDER) + 1, item.path not in clouds
        return ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER), False

    items.sort(key=place)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone whose first `make up` has reached production."""
    made = make(Path(tmp_path_factory.mktemp("end_to_end")))
    try:
        up = made.up()
        assert up.returncode == 0, up.stdout + up.stderr
        made.said = up.stdout + up.stderr
        yield made
    finally:
        made.penstock("down")


@pytest.fixture(scope="module")
def clone(platform: Clone, request: pytest.FixtureRequest) -> Clone:
    """The platform, as the files before have left it. A file that sets APPROVES has it approve by itself."""
    up = platform.up(*(["APPROVE=auto"] if getattr(request.module, "APPROVES", False) else []))
    assert up.returncode == 0, up.stdout + up.stderr
    return platform
