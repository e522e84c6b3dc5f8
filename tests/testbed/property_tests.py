"""A plugin of pytest: no property test fails because a machine is slow.

pyproject.toml loads it, since a conftest.py has a say in its own folder alone.
"""

from pathlib import Path


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """Before a module is imported that has property tests: what decorates them takes the settings of that moment.

    Others are not made to import hypothesis, which takes as long as many a file's tests.
    """
    if b"hypothesis" not in module_path.read_bytes():
        return
    from hypothesis import HealthCheck, settings  # noqa: PLC0415 - as above

    settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("untimed")
