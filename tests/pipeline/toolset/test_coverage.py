"""`make coverage` sees what runs in other processes, those of the local cloud and of its builds among them."""

import subprocess
from pathlib import Path

import pytest
from coverage import CoverageData

from pipeline.local.cloud.codebuild.environment import passed_on
from pipeline.local.environment import for_the_cloud
from tests.conftest import ROOT

PROGRAM = """
import os
from pipeline.local import version

version.code_version()
if os.fork() == 0:
    os._exit(0)
os.wait()
os._exit(0)
"""


@pytest.mark.parametrize("python", [".venv/bin/python", ".venv/emulator/bin/python"])
def test_a_process_is_measured_that_a_build_of_the_local_cloud_may_start(python: str, tmp_path: Path) -> None:
    data = tmp_path / "measured/data"
    data.parent.mkdir()
    told = {"COVERAGE_FILE": str(data), "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml")}
    environment = passed_on(for_the_cloud(told, tmp_path))
    subprocess.run([ROOT / python, "-c", PROGRAM], cwd=ROOT, env=environment, check=True)
    measured: set[str] = set()
    for file in data.parent.iterdir():
        found = CoverageData(str(file))
        found.read()
        measured |= {each for each in found.measured_files() if found.lines(each)}
    assert str(ROOT / "pipeline/local/version.py") in measured
