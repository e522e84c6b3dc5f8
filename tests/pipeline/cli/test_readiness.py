"""What `penstock doctor` finds left to do, each with the file and the remedy."""

from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.catalogue.problem import Problem
from pipeline.cli import readiness
from tests.conftest import ROOT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("package-lock.json", "uv.lock"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


def left(found: Any) -> list[tuple[str, str, str]]:
    return [(each.file, each.field, each.problem) for each in found]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What a command prints, by its last word; None: it fails."""
    answers: dict[str, str | None] = {"--version": "1", "HEAD": "c0ffee", "--porcelain": ""}
    monkeypatch.setattr(readiness, "output_of", lambda _root, *command: answers[command[-1]])
    return answers


@pytest.mark.usefixtures("printed")
def test_doctor_finds_versions_that_differ(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert left(readiness.tools(root)) == []
    pinned = metadata.version("aws-cdk-lib")
    monkeypatch.setattr(metadata, "version", lambda _name: "2.0.0")
    assert left(readiness.tools(root)) == [("uv.lock", "aws-cdk-lib", f"pins {pinned}, but 2.0.0 is installed")]


def test_doctor_finds_tools_that_do_not_run(root: Path, printed: dict[str, str | None]) -> None:
    printed["--version"] = None
    assert [(each.file, each.remedy) for each in readiness.tools(root)] == [
        (".venv/bin/node", "Run `make setup`."),
        (".venv/bin/cdk", "Run `make setup`."),
        ("git", "Install git."),
    ]


def test_doctor_finds_what_no_commit_has(root: Path, printed: dict[str, str | None]) -> None:
    assert left(readiness.commit(root)) == []
    printed["--porcelain"] = " M stages/dev.py"
    assert left(readiness.commit(root)) == [(".git", "", "there are changes that no commit has")]
    printed["HEAD"] = None
    assert left(readiness.commit(root)) == [(".git", "", "this clone has no commit")]


def test_doctor_finds_stages_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(file="stages/dev.py", message="it has no DEV")
    monkeypatch.setattr(readiness, "load", lambda _root: SimpleNamespace(problems=[problem], whole=False))
    assert left(readiness.examples_in_services(root)) == [("stages/dev.py", "", "it has no DEV")]


def test_doctor_finds_example_owners_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owners = [("stages/a.py", "@example/team"), ("stages/b.py", "@ours/team")]
    found = [(file, SimpleNamespace(owner=owner)) for file, owner in owners]
    monkeypatch.setattr(readiness, "load", lambda _root: SimpleNamespace(problems=[], whole=True, catalogue=()))
    monkeypatch.setattr(readiness, "acknowledgements", lambda _catalogue: found)
    assert left(readiness.examples_in_services(root)) == [("stages/a.py", "owner", "@example/team is an example owner")]
