"""`penstock review` as typed: formats, exit codes, and a user's mistakes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Assembly


def penstock(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [ROOT / ".venv/bin/penstock", "review", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def table(key: str) -> dict[str, Any]:
    properties = {"KeySchema": [{"AttributeName": key, "KeyType": "HASH"}]}
    return {"Resources": {"A": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}


@pytest.fixture
def templates(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "old.json", tmp_path / "new.json"]
    for file, key in zip(files, ("id", "tenant"), strict=True):
        file.write_text(json.dumps(table(key)))
    return files


def test_an_assembly_against_itself_passes_and_says_nothing(assembly: Assembly) -> None:
    done = penstock(assembly.folder, assembly.folder, "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert (found["verdict"], found["risk"], found["complete"]) == ("pass", "none", True)
    assert [found[part] for part in ("findings", "changes", "access", "stacks")] == [[], [], [], []]


def test_a_lost_table_blocks_in_every_format(templates: list[Path], tmp_path: Path) -> None:
    for form in ("text", "markdown", "html", "json"):
        done = penstock("template", *templates, "--format", form, "--out", tmp_path / form)
        assert done.returncode == 1, done.stderr
        assert "the items of the table" in (tmp_path / form).read_text()


def test_a_higher_threshold_lets_it_pass(templates: list[Path]) -> None:
    assert penstock("template", *reversed(templates), "--fail-on", "critical").returncode == 1
    assert penstock("template", templates[0], templates[0], "--fail-on", "low").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["template", "one.json"], "compares two files, and 1 are given"),
        (["template", "no.json", "no.json"], "no.json cannot be read"),
        (["one", "two", "three"], "3 sides are given"),
        (["no-such-revision"], "'no-such-revision' is neither a revision"),
        (["--budget", "many", "template", "a", "b"], "--budget is 'many'"),
    ],
)
def test_what_cannot_be_reviewed_is_said_in_a_sentence(arguments: list[str], said: str) -> None:
    done = penstock(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
