"""One platform for each file of tests here: bringing it up takes half a minute, and each push a quarter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.clone import Clone, make


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Clone]:
    """A clone whose first `make up` has reached production. A file that sets APPROVES has it approve by itself."""
    made = make(Path(tmp_path_factory.mktemp("end_to_end")))
    try:
        up = made.up(*(["APPROVE=auto"] if getattr(request.module, "APPROVES", False) else []))
        assert up.returncode == 0, up.stdout + up.stderr
        made.said = up.stdout + up.stderr
        yield made
    finally:
        made.penstock("down")
