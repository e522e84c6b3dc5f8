"""The lock files, and how they are written anew."""

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipeline.toolset import docs, uv

Say = Callable[[str], None]


def write(root: Path, say: Say) -> None:
    """Resolve pyproject.toml and package.json anew, keeping every version that still fits."""
    with tempfile.TemporaryDirectory() as folder:
        program = uv.program(root, Path(folder))
        say("resolving pyproject.toml")
        subprocess.run([program, "lock", "--quiet"], cwd=root, env=uv.variables(), check=True)
        say(f"resolving {docs.REQUIREMENTS.with_suffix('.in')}")
        wanted = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate")
        files = (docs.REQUIREMENTS.with_suffix(".in"), "--output-file", docs.REQUIREMENTS)
        uv.run(program, "pip", "compile", "--quiet", *wanted, *map(str, files), cwd=root)
    path = root / "uv.lock"
    path.write_text(without_hosts(path.read_text()))
    npm = root / ".venv/bin/npm"
    if npm.exists():
        for place in (Path(), docs.FOLDER):
            say(f"resolving {place / 'package.json'}")
            subprocess.run(
                [npm, "install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"],
                cwd=root / place,
                check=True,
            )
    else:
        say("package-lock.json stays: npm comes with the environment, so run `make setup` and then this again")


def without_hosts(text: str) -> str:
    """A uv.lock that pins by name, version and hash alone, so that every mirror serves it and no host is committed."""
    text = re.sub(r'registry = "https?://[^"]*"', 'registry = "index"', text)
    return re.sub(r'url = "https?://[^"]*/([^"/]+)"', r'path = "\1"', text)
