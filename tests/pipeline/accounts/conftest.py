"""A platform of two small services, which have a resource of each kind that the library makes."""

from dataclasses import replace

import pytest

from services.library.contract.release import Canary, Release
from tests.conftest import Assembly
from tests.testbed import small, tiny


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    folder = tmp_path_factory.mktemp("platform")
    shifted = replace(small.PROD, release=Release(traffic=Canary(percent=10, minutes=10)))
    app, _ = tiny.app(folder, catalogue=(small.DEV, shifted))
    app.synth()
    return Assembly(folder=folder)
