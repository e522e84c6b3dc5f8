"""Runs another program for what it prints."""

import subprocess
from pathlib import Path


def output_of(folder: Path, *command: str) -> str | None:
    """Return what a command prints; None if it fails or does not exist."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
