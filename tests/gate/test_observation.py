"""The gate over a small repository: what changed is tested again, and nothing that might have changed is left out."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gate.checkout import ROOT

pytestmark = pytest.mark.slow
PYPROJECT = """
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib", "--strict-markers", "-p", "no:ddtrace", "-p", "no:hypothesispytest"]
pythonpath = ["."]
testpaths = ["tests"]
markers = ["cloud: a", "slow: b", "soak: c"]
"""
TABLE = """
import functools
import pathlib

HERE = pathlib.Path(__file__).parent


@functools.cache
def table():
    return (HERE / "table.txt").read_text()
"""
KERNEL = """
import pathlib
import subprocess

NODE = {node!r}


def test_it(tmp_path):
    program = tmp_path / "jsii-runtime.js"
    program.write_text("require('fs').readFileSync('asset.txt')")
    with subprocess.Popen([NODE, program], cwd=pathlib.Path(__file__).parents[2]) as process:
        assert process.wait() == 0
"""
TESTS = {
    "tests/cached/test_one.py": "from lib.table import table\n\n\ndef test_it():\n    assert table()\n",
    "tests/too/test_two.py": "from lib.table import table\n\n\ndef test_it():\n    assert table()\n",
    "tests/fast/test_slow.py": "import pytest\n\n\n@pytest.mark.slow\ndef test_it():\n    pass\n",
    "tests/process/test_it.py": "import subprocess\n\n\ndef test_it():\n    subprocess.run(['true'], check=True)\n",
    "tests/skipped/test_it.py": "import pytest\n\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_it(n):\n"
    "    pytest.skip('no tool: install it')\n",
}


UNSET = ("CI", "NODE_OPTIONS", "PYTHONDONTWRITEBYTECODE")
"""Variables with which this run was started, and that would count there."""


@dataclass(frozen=True, kw_only=True)
class Small:
    """A repository with a gate."""

    root: Path

    def gate(self, **variables: str) -> tuple[int, set[str], str]:
        """Run it; the exit code, the batches that ran, and everything that it said."""
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        done = subprocess.run(
            [sys.executable, "-m", "tests.gate"],
            cwd=self.root,
            env={name: value for name, value in kept.items() if not name.startswith("PYTEST_")} | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("tests/")]
        return done.returncode, {line.split(":")[0] for line in lines}, done.stdout + done.stderr

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """It has passed once."""
    found = Small(root=tmp_path_factory.mktemp("small"))
    subprocess.run(["git", "init", "--quiet"], cwd=found.root, check=True)
    (found.root / ".venv").symlink_to((ROOT / ".venv").resolve())
    files = {
        ".gitignore": ".venv\n.gate/\n__pycache__/\n.pytest_cache/\n",
        "pyproject.toml": PYPROJECT,
        "lib/table.py": TABLE,
        "lib/table.txt": "1\n",
        "asset.txt": "1\n",
        "unread.txt": "1\n",
        "tests/kernel/test_it.py": KERNEL.format(node=str((ROOT / ".venv/bin/node").resolve())),
    }
    for name, text in (files | TESTS).items():
        found.write(name, text)
    for file in (ROOT / "tests/gate").iterdir():
        if file.suffix in (".py", ".cjs") and not file.name.startswith("test_"):
            found.write(f"tests/gate/{file.name}", file.read_text())
    code, ran, said = found.gate()
    assert code == 0, said
    assert len(ran) == 6
    return found


ALWAYS = {"tests/skipped"}
PROCESSES = {"tests/kernel (processes)", "tests/process (processes)"}
"""Their text says that they start processes; jsii's kernel says what it reads."""


def test_unchanged_tree_runs_nothing_but_what_was_skipped_which_is_one_line(small: Small) -> None:
    code, ran, said = small.gate()
    assert (code, ran) == (0, ALWAYS), said
    assert said.count("2 skipped: no tool: install it") == 1
    assert "have passed today on the very same inputs" in said


def test_change_runs_what_read_it_and_no_more(small: Small) -> None:
    whole = {"tests/process (processes)"}
    for name, expected in (
        ("unread.txt", whole),
        ("lib/table.txt", whole | {"tests/cached", "tests/too"}),
        ("asset.txt", PROCESSES),
        ("tests/fast/test_slow.py", whole | {"tests/fast"}),
    ):
        small.write(name, (small.root / name).read_text() + "\n")
        code, ran, said = small.gate()
        assert (code, ran) == (0, expected | ALWAYS), f"{name}: {said}"


def test_everything_runs_in_continuous_integration_and_for_a_new_file(small: Small) -> None:
    everything = {"tests/cached", "tests/too", "tests/fast"} | PROCESSES | ALWAYS
    assert small.gate(CI="true")[:2] == (0, everything)
    small.write("new.txt", "")
    assert small.gate()[:2] == (0, everything)


def test_failure_is_shown_and_never_recorded(small: Small) -> None:
    good = TESTS["tests/too/test_two.py"]
    small.write("tests/too/test_two.py", good + "    assert table() == 'wrong'\n")
    for _ in range(2):
        code, ran, said = small.gate()
        assert (code, "tests/too" in ran) == (1, True)
        assert "1 batches FAILED" in said
        assert "assert table() == 'wrong'" in said
    small.write("tests/too/test_two.py", "syntax error")
    assert small.gate()[0] == 1
    small.write("tests/too/test_two.py", good)
    assert small.gate()[0] == 0
