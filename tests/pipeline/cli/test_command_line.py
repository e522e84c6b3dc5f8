"""What `penstock` itself answers, before any command: its version, and completion for a shell."""

import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.operate import next_step
from tests.conftest import ROOT

# A shell calls the function that completion installed with the words typed so far; it leaves its answers in COMPREPLY.
COMPLETE = """
set -eu
"$PENSTOCK" --install-completion >/dev/null
. "$HOME/.bashrc"
for typed in retr 'branch sw' 'down --er'; do
  COMP_WORDS=("$PENSTOCK" $typed)
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _penstock_completion "$PENSTOCK"
  echo "${COMPREPLY[*]}"
done
"""


def test_version_is_the_one_that_pyproject_names(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "penstock"\nversion = "4.5.6"\n')
    done = CliRunner().invoke(app, ["--version"], obj=tmp_path)
    assert (done.exit_code, done.output) == (0, "penstock 4.5.6\n")


def commands(group: Any, *names: str) -> Iterator[tuple[str, set[str]]]:
    """Each command with its options."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield " ".join((*names, name)), {option for each in command.params for option in each.opts}


def test_every_command_answers_machines_too() -> None:
    found = dict(commands(typer.main.get_command(app)))
    assert len(found) > 30
    assert [name for name, options in found.items() if "--json" not in options] == []


def test_next_step_is_a_command_that_works_when_it_is_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert next_step.penstock("logs", "dev/Test") == ".venv/bin/penstock logs dev/Test"
    (tmp_path / "penstock").touch(mode=0o755)
    assert next_step.penstock("logs", "dev/Test") == "penstock logs dev/Test"


def test_version_is_that_of_the_checkout_whatever_the_current_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / ".venv/bin/penstock", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert done.stdout == f"penstock {project['version']}\n"


def test_version_is_not_printed_while_a_shell_completes() -> None:
    asked = {"_PENSTOCK_COMPLETE": "complete_bash", "COMP_WORDS": "penstock --version retr", "COMP_CWORD": "2"}
    done = CliRunner().invoke(app, [], obj=ROOT, prog_name="penstock", env=asked)
    assert done.output == "retry\n"


def test_completion_that_is_installed_completes_commands_and_options_in_bash(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", COMPLETE],
        env={**os.environ, "HOME": str(tmp_path), "PENSTOCK": str(ROOT / ".venv/bin/penstock")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, ["retry", "sweep", "--erase"], "")


def test_completion_is_shown_to_be_copied() -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" --show-completion; exit $?', ROOT / ".venv/bin/penstock"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "complete -o default -F _penstock_completion penstock" in done.stdout


def test_up_in_an_unpacked_archive_says_that_the_pipeline_deploys_commits(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    unpacked = tmp_path / "unpacked"  # below somebody's repository, which is not meant
    unpacked.mkdir()
    for folder, said in ((unpacked, "is no git repository"), (tmp_path, "There is no commit to push yet")):
        done = CliRunner().invoke(app, ["up"], obj=folder)
        assert said in done.output
    assert not (unpacked / ".penstock").exists()
