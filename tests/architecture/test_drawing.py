"""The drawing of the import graph in docs/architecture.md is what the code imports, and small enough to be read."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_drawing_of_the_rooms_is_what_they_import() -> None:
    command = [sys.executable, "-m", "tests.architecture.drawing", str(ROOT), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"write it anew: .venv/bin/python -m tests.architecture.drawing .\n{done.stderr}"
