"""Whatever is read while a part is made is in its key: another content there gives another key."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.synthesis.content import DEFINITION, LIBRARY, PER_RUN, SWITCHES, TOOLS
from tests.conftest import ROOT, clean_environment
from tests.testbed import small_checkout

HERE = Path(__file__).parent
OF_THE_TOOLS = ("HOME", "PATH", "TMPDIR", "TEMP", "TMP", "NODE_OPTIONS", "JSII_", "NODE_", "PYTHON", "RECORDED_READS")
"""Variables that say where tools are and where they may write; what they are, the locks say."""
OF_LIBRARIES = frozenset(
    {"GRACEFUL_FS_PLATFORM", "TEST_GRACEFUL_FS_GLOBAL_PATCH", "TESTING_TAR_FAKE_PLATFORM", "__FAKE_PLATFORM__"}
    | {"__FAKE_FS_O_FILENAME__", "__MINIMATCH_TESTING_PLATFORM__", "TESTING_CDK", "FORCE_COLOR"}
    | {"CDK_NO_PERF_BUILTINS", "PYTEST_VERSION", "PYTEST_CURRENT_TEST"}
)
"""Variables that JavaScript libraries ask for on behalf of their own tests and colours."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What making each part of two small services read; one of them reads a file beside its stack."""
    folder = tmp_path_factory.mktemp("recorded")
    root = small_checkout.make(folder / "checkout")
    (folder / "out").mkdir()
    done = subprocess.run(
        [ROOT / ".venv/bin/python", HERE / "recorded_synth.py", folder / "out"],
        cwd=root,
        env={
            **clean_environment(),
            "PYTHONPATH": str(root),
            "NODE_OPTIONS": f"--require {HERE / 'recorded_reads.js'}",
            "RECORDED_READS": str(folder / "node"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (folder / "node").read_text().splitlines()
    return {
        "root": root,
        "folder": folder,
        "units": json.loads(done.stdout),
        "node": [line.removeprefix("read ") for line in lines if line.startswith("read ")],
        "variables": {line.removeprefix("variable ") for line in lines if line.startswith("variable ")},
    }


def outside_of_the_key(reads: list[str], covered: set[str], root: Path) -> list[str]:
    """The checkout's files that are read and not in the key: tools are by their locks, and folders by their files."""
    tools = (root / ".venv").resolve()
    found = []
    for each in reads:
        path = Path(each)
        if not path.is_relative_to(root) or path.resolve().is_relative_to(tools) or path.is_dir():
            continue
        name = path.relative_to(root).as_posix()
        known = name.startswith((LIBRARY, *DEFINITION)) or name in TOOLS or name in covered
        if not known and "__pycache__" not in name:
            found.append(name)
    return found


def test_no_part_reads_a_file_that_is_not_in_its_key(recorded: dict[str, Any]) -> None:
    assert len(recorded["units"]) == 4
    for unit in recorded["units"]:
        assert outside_of_the_key(unit["reads"], set(unit["covered"]), recorded["root"]) == [], unit["unit"]
    covered = {name for unit in recorded["units"] for name in unit["covered"]}
    assert outside_of_the_key(recorded["node"], covered, recorded["root"]) == []


def test_no_part_asks_for_a_variable_that_is_not_in_its_key(recorded: dict[str, Any]) -> None:
    asked = recorded["variables"] | {name for unit in recorded["units"] for name in unit["variables"]}
    harmless = (*OF_THE_TOOLS, *SWITCHES)
    inherited = set(os.environ)  # handed on to Node as a whole
    assert {each for each in asked - PER_RUN - OF_LIBRARIES - inherited if not each.startswith(harmless)} == set()


def test_a_file_of_another_service_would_be_found(recorded: dict[str, Any]) -> None:
    root = recorded["root"]
    (first,) = (each for each in recorded["units"] if each["unit"] == "Pipeline/dev/first")
    foreign = str(root / "services/second/service.py")
    assert outside_of_the_key([*first["reads"], foreign], set(first["covered"]), root) == ["services/second/service.py"]
