"""Layout and order of imports as the gate asks for them, by the tool that asks: ruff, as pyproject.toml sets it."""

import subprocess
from pathlib import Path

from pipeline.scaffold.errors import ScaffoldError

FIRST_PARTY = "lint.isort.known-first-party = ['pipeline', 'services', 'stages', 'tests']"
"""Ruff looks for a package's folder to tell ours from others', and one that is only planned has none yet."""


def tidy(root: Path, file: Path, text: str) -> str:
    """Return the text of a Python file with its imports sorted, those that nothing uses left out, and formatted."""
    if file.suffix != ".py":
        return text
    sorted_ = _ruff(root, file, text, "check", "--fix", "--exit-zero", "--select", "I,F401", "--config", FIRST_PARTY)
    return _ruff(root, file, sorted_, "format")


def require_tidy(root: Path, file: Path, text: str) -> None:
    """Raise if tidying would change more of a file than an edit does."""
    if tidy(root, file, text) != text:
        raise ScaffoldError(
            f"{file} is not as the gate wants it, so that an edit would change other lines too."
            f" Run `.venv/bin/ruff check --fix {file}` and `.venv/bin/ruff format {file}` first."
        )


def _ruff(root: Path, file: Path, text: str, command: str, *options: str) -> str:
    ruff = root / ".venv/bin/ruff"
    if not ruff.exists():
        raise ScaffoldError(f"{ruff} is not there: run `make setup` first.")
    done = subprocess.run(
        [ruff, command, "--quiet", "--stdin-filename", file, *options, "-"],
        cwd=root,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ScaffoldError(f"{file} cannot be read: {done.stderr.strip()}")
    return done.stdout
