"""One platform for each file of tests here: bringing it up takes half a minute, and each push a quarter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.clone import Clone, make


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with these files, which take longest, so that no worker is left alone with one of them at the end."""
    items.sort(key=lambda item: not item.path.is_relative_to(Path(__file__).parent))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Clone]:
    """A clone whose first `make up` has reached production.

    A file that sets APPROVES has it approve by itself, and one that has a function `prepare` changes its first commit.
    """
    made = make(Path(tmp_path_factory.mktemp("end_to_end")))
    if prepare := getattr(request.module, "prepare", None):
        prepare(made)
        made.commit("Prepared")
    try:
        up = made.up(*(["APPROVE=auto"] if getattr(request.module, "APPROVES", False) else []))
        assert up.returncode == 0, up.stdout + up.stderr
        made.said = up.stdout + up.stderr
        yield made
    finally:
        made.penstock("down")
