"""What a checkout is made of: every file that git has or would take, by what it contains."""

import hashlib
import os
import stat
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
EXECUTABLE = 0o111


@dataclass(frozen=True)
class Checkout:
    """The files of a checkout. Each is read when it is first asked for, and not again."""

    root: Path
    names: frozenset[str]
    _digests: dict[str, str] = field(default_factory=dict, init=False, compare=False)

    def digest(self, name: str) -> str:
        """Return what a file contains, as a digest; a link is what it names."""
        if name not in self._digests:
            self._digests[name] = _digest(self.root / name)
        return self._digests[name]

    def load(self) -> Self:
        """Read everything now, for what is asked once it may have changed."""
        self.digests(self.names)
        self.listing  # noqa: B018 - kept from now on
        return self

    def digests(self, names: frozenset[str]) -> dict[str, str]:
        """Return the digest of each of these files."""
        return {name: self.digest(name) for name in sorted(names)}

    @cached_property
    def listing(self) -> str:
        """Return which files there are, and which can be run, as a digest: whoever lists a folder depends on it."""
        modes = (f"{name}\0{_mode(self.root / name)}" for name in sorted(self.names))
        return hashlib.sha256("\0".join(modes).encode()).hexdigest()


def read(root: Path) -> Checkout:
    """List the files of a checkout, those that are not committed yet included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        check=True,
    ).stdout.decode()
    names = frozenset(name for name in listed.split("\0") if name and os.path.lexists(root / name))
    return Checkout(root, names)


def head(root: Path) -> str:
    """Return the commit that is checked out, or nothing before the first."""
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _digest(file: Path) -> str:
    if file.is_symlink():
        content = str(file.readlink()).encode()
    elif file.is_file():
        content = file.read_bytes()
    else:
        return "missing"
    return hashlib.sha256(content).hexdigest()


def _mode(file: Path) -> str:
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return "missing"
    return f"{stat.S_IFMT(mode):o} {bool(mode & EXECUTABLE)}"
