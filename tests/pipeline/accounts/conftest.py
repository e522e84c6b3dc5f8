"""A platform of two small services, which have a resource of each kind that the library makes."""

import pytest

from tests.conftest import Assembly
from tests.testbed import small, tiny


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    folder = tmp_path_factory.mktemp("platform")
    app, _ = tiny.app(folder, catalogue=(small.DEV, small.PROD))
    app.synth()
    return Assembly(folder=folder)
