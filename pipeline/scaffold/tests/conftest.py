"""A checkout that is only what the scaffold reads."""

import shutil
from pathlib import Path

import pytest

from pipeline.scaffold.draft import Draft

ROOT = Path(__file__).parents[3]


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    """A draft of an almost empty checkout, with the tools and settings of this one."""
    (tmp_path / ".venv").symlink_to((ROOT / ".venv").resolve())
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for folder in ("stages", "services", "pipeline"):
        (tmp_path / folder).mkdir()
    return Draft(root=tmp_path)
