"""One process of pytest for one batch, in an environment of which every variable counts."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.gate.batches import Batch
from tests.gate.checkout import ROOT
from tests.gate.observation import NODE_READS, OBSERVATION, SHARED, Observation

NOTHING_COLLECTED = 5
"""How pytest ends if no test of the files is among those asked for."""
OF_A_SESSION = (
    "_",
    "COLORTERM",
    "COLUMNS",
    "LINES",
    "MAKELEVEL",
    "MAKEFLAGS",
    "MFLAGS",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "TERM",
)
"""Variables that differ from one shell to the next, and that no test gets."""
OF_A_SESSION_PREFIXES = ("DBUS_", "DESKTOP_", "ITERM_", "SSH_", "TERM_", "TMUX", "VSCODE_", "WINDOW", "XDG_SESSION")
NODE_HOOK = f"--require={Path(__file__).with_name('node.cjs')}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a process ended."""

    good: bool
    output: str
    observed: Observation = field(default_factory=Observation)


def environment(of: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that tests get, all of which a record counts."""
    return {
        name: value
        for name, value in of.items()
        if name not in OF_A_SESSION and not name.startswith(OF_A_SESSION_PREFIXES)
    }


def run(batch: Batch, variables: Mapping[str, str], *, marks: str, shared: Path) -> Outcome:
    """Run a batch, and observe it."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        observation = Path(folder) / "observation.json"
        told = {
            OBSERVATION: str(observation),
            NODE_READS: str(Path(folder) / "node"),
            SHARED: str(shared),
            "NODE_OPTIONS": f"{variables.get('NODE_OPTIONS', '')} {NODE_HOOK}".strip(),
        }
        done = subprocess.run(
            [*_command(marks), f"--basetemp={folder}/base", *batch.files],
            cwd=ROOT,
            env={**variables, **told},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode not in (os.EX_OK, NOTHING_COLLECTED) or not observation.exists():
            return Outcome(good=False, output=done.stdout)
        observed = Observation(**json.loads(observation.read_text(encoding="utf-8")))
        return Outcome(good=observed.failed == 0, output=done.stdout, observed=observed)


def _command(marks: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "tests.gate.observation", "-q", "-n", "0", "-r", "", "-m", marks]
