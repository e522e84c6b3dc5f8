"""A mistake in pipeline/settings.py is a sentence with its line, whatever the command, and never a traceback."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, clean_environment


@pytest.mark.parametrize("command", [("validate",), ("review",)])
def test_penstock_says_what_is_wrong_in_the_pipelines_settings(command: tuple[str, ...], tmp_path: Path) -> None:
    sources = shutil.ignore_patterns("tests", "__pycache__", "*.json", "*.md")
    for folder in ("pipeline", "stages"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=sources)
    shutil.copy(ROOT / "cdk.json", tmp_path)
    (tmp_path / "services").symlink_to(ROOT / "services")
    settings = tmp_path / "pipeline/settings.py"
    settings.write_text(settings.read_text().replace('branch="main"', 'branch="refs/heads/main"'))
    done = subprocess.run(
        [sys.executable, tmp_path / "pipeline/cli/launcher.py", *command],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("penstock: pipeline/settings.py:")
    assert "branch='refs/heads/main' is not allowed; give a branch's name as git has it, such as main." in done.stderr
    assert "Traceback" not in done.stderr
