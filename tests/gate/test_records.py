"""A record stands for a run only if nothing that the run depended on may differ."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.gate import checkout, records
from tests.gate.batches import Batch
from tests.gate.observation import Observation
from tests.gate.records import Inputs
from tests.testbed.repositories import IDENTITY

BATCH = Batch(name="tests", files=("tests/test_it.py",))
INPUTS = Inputs(batch=BATCH, environment={"HOME": "/home/somebody"}, marks="not slow", day=date(2026, 11, 29))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with files that a batch reads, and one that it does not."""
    for name in ("pyproject.toml", "read.py", "data.json", "other.py", "tests/gate/records.py", "tests/test_it.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    (tmp_path / ".gitignore").write_text("ignored.json\n.gate/\n__pycache__/\n.venv\n")
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True)


def observed(root: Path, **more: Any) -> Observation:
    compiled = (
        root / "__pycache__/read.cpython-311.pyc",
        root / "tests/__pycache__/test_it.cpython-311-pytest-9.2.0.pyc",
    )
    for file in compiled:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    read = (*compiled, root / "data.json", root / ".venv/tool.py", Path("/etc/hosts"))
    return replace(Observation(read=[str(file) for file in read], passed=3), **more)


def keep(root: Path, observation: Observation, inputs: Inputs = INPUTS) -> str:
    state = checkout.read(root)
    return records.keep(state, state, inputs, observation, seconds=2.5)


def passed(root: Path, inputs: Inputs = INPUTS) -> int | None:
    return records.passed(checkout.read(root), inputs)


def test_batch_has_passed_if_nothing_changed_but_a_file_that_it_does_not_read(root: Path) -> None:
    assert passed(root) is None
    assert keep(root, observed(root)) == ""
    assert passed(root) == 3
    assert records.seconds(root, BATCH) == 2.5
    (root / "other.py").write_text("2\n")
    git(root, "add", "--all")
    git(root, *IDENTITY, "commit", "--quiet", "--message", "Change what is not read")
    assert passed(root) == 3


def new(root: Path) -> None:
    (root / "unread.json").touch()


def executable(root: Path) -> None:
    (root / "other.py").chmod(0o755)


def link(root: Path) -> None:
    (root / "data.json").unlink()
    (root / "data.json").symlink_to("other.py")


@pytest.mark.parametrize(
    "change",
    [
        *(
            pytest.param(lambda root, name=name: (root / name).write_text("2\n"), id=f"{name} changed")
            for name in ("read.py", "data.json", "tests/test_it.py", "tests/gate/records.py", "pyproject.toml")
        ),
        pytest.param(lambda root: (root / "other.py").unlink(), id="a file is gone"),
        new,
        executable,
        link,
    ],
)
def test_batch_runs_again_after_a_change_of_what_it_may_depend_on(root: Path, change: Callable[[Path], object]) -> None:
    keep(root, observed(root))
    change(root)
    assert passed(root) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(INPUTS, day=INPUTS.day + timedelta(days=1)),
        replace(INPUTS, marks=""),
        replace(INPUTS, environment={**INPUTS.environment, "TZ": "Asia/Tokyo"}),
        replace(INPUTS, batch=replace(BATCH, files=(*BATCH.files, "tests/test_more.py"))),
    ],
    ids=["day", "marks", "environment", "files of the batch"],
)
def test_batch_runs_again_under_other_circumstances(root: Path, other: Inputs) -> None:
    keep(root, observed(root))
    assert passed(root, other) is None


def test_batch_runs_again_with_other_tools(root: Path) -> None:
    (root / ".venv").symlink_to(root / "tools-1")
    keep(root, observed(root))
    (root / ".venv").unlink()
    (root / ".venv").symlink_to(root / "tools-2")
    assert passed(root) is None


def test_batch_that_started_a_process_depends_on_every_file_and_on_the_commit(root: Path) -> None:
    assert keep(root, observed(root, unseen=["subprocess.Popen git"])) == ""
    assert passed(root) == 3
    git(root, *IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "Change nothing")
    assert passed(root) is None
    keep(root, observed(root, unseen=["subprocess.Popen git"]))
    (root / "other.py").write_text("2\n")
    assert passed(root) is None


def test_batch_is_not_recorded_if_it_skipped_a_test(root: Path) -> None:
    assert keep(root, observed(root, skipped={"no browser": 1})) == "tests were skipped"
    assert passed(root) is None


def test_batch_is_not_recorded_if_it_read_what_git_ignores(root: Path) -> None:
    (root / "ignored.json").touch()
    reason = keep(root, observed(root, read=[str(root / "ignored.json")]))
    assert reason == "it read ignored.json, which git ignores"
    assert passed(root) is None


@pytest.mark.parametrize("name", ["data.json", "new.json"])
def test_batch_is_not_recorded_if_files_changed_while_it_ran(root: Path, name: str) -> None:
    before = checkout.read(root).load()
    (root / name).write_text("2\n")
    reason = records.keep(before, checkout.read(root), INPUTS, observed(root), seconds=1)
    assert reason == "files changed meanwhile"
    assert passed(root) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"inputs": 1}', '"text"'])
def test_damaged_record_is_none(root: Path, damage: str) -> None:
    keep(root, observed(root))
    (file,) = (root / ".gate").iterdir()
    file.write_text(damage)
    assert passed(root) is None
    assert records.seconds(root, BATCH) > 1e9


def test_link_to_the_checkout_leads_to_the_files_behind_it(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    alias = tmp_path_factory.mktemp("alias") / "checkout"
    alias.symlink_to(root)
    keep(root, observed(root, read=[str(alias / "data.json")]))
    (root / "data.json").write_text("2\n")
    assert passed(root) is None
