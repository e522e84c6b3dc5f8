"""The cloud assembly of a revision: its own checkout, its own locked tools, no credentials, and a cache by content."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.review.read import assembly
from pipeline.review.read.assembly import Assembly, UnreadableError
from pipeline.review.read.revisions import Repository, Revision

if TYPE_CHECKING:
    from collections.abc import Iterator

Side = Revision | Path
"""What can be reviewed: a tree to synthesise, or a folder in which that was done."""
Say = Callable[[str], None]
BASE, HEAD = "base", "head"
DOCUMENTS = "with-buildspecs"
"""What is kept of an assembly; another word leaves those alone that were kept without."""
KEPT = 20
"""Assemblies in the cache; the ones that were used longest ago go first."""
LAST_LINES = 12


class SynthError(Exception):
    """A revision that cannot be synthesised, with the end of what its synth said."""


class Synthesis:
    """Synthesises revisions of one repository."""

    def __init__(self, repository: Repository, cache: Path, say: Say) -> None:
        self._repository = repository
        self._cache = cache
        self._say = say

    def both(self, base: Side, head: Side) -> tuple[Assembly, Assembly]:
        """Both sides, at once where there are cores for it.

        A base that cannot be synthesised is an empty side that says so, so that the head is shown as all new.
        """
        with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
            before, after = pool.submit(self.folder, base, BASE), pool.submit(self.folder, head, HEAD)
        right = _head(head, after.result)
        try:
            return assembly.read(before.result(), _label(base)), right
        except SynthError as error:
            said = f"{_label(base)} cannot be synthesised, so that everything is shown as new.\n{error}"
            return Assembly(label=_label(base), unread=(said,)), right

    def head(self, side: Side) -> Assembly:
        """Return the head side alone, for a base that is no synth."""
        return _head(side, lambda: self.folder(side, HEAD))

    def folder(self, side: Side, role: str) -> Path:
        """Return the folder with a side's assembly. Of a revision's, only the documents are kept, and no assets.

        `role`: `BASE` or `HEAD`. A head's code has not been agreed to yet, so the two share no parts of synths.
        """
        if isinstance(side, Path):
            return side
        revision = side
        # Python is part of what a synth depends on; everything else is in the tree, locks included.
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        target = self._cache / f"{revision.tree}-{python}-{DOCUMENTS}"
        with _only_one(target):
            if (target / "manifest.json").exists():
                os.utime(target)
            else:
                self._say(f"synthesising {revision.label}")
                with tempfile.TemporaryDirectory(dir=self._cache) as folder:
                    self._synthesise(revision, Path(folder), target, role)
        self._prune()
        return target

    def _synthesise(self, revision: Revision, folder: Path, target: Path, role: str) -> None:
        checkout, output = folder / "checkout", folder / "assembly"
        self._repository.export(revision, checkout)
        environment = clean_environment() | {"PENSTOCK_SYNTH_CACHE": str(self._cache / f"parts-of-{role}s")}
        done = _run([sys.executable, "-I", "pipeline/toolset"], checkout, environment)
        if done.returncode:
            raise SynthError(_end_of(done))
        command = [".venv/bin/cdk", "synth", "--quiet", "--no-lookups", "--output", str(output)]
        done = _run(command, checkout, environment)
        # Findings of guardrails make a synth fail after it has written everything, the report of them included.
        if done.returncode and not (output / "validation-report.json").exists():
            raise SynthError(_end_of(done))
        if not (output / "manifest.json").exists():
            raise SynthError(_end_of(done))
        shutil.rmtree(target, ignore_errors=True)
        fresh = folder / "documents"
        shutil.copytree(output, fresh, ignore=lambda _, names: _assets(names))
        fresh.rename(target)

    def _prune(self) -> None:
        entries = sorted(self._cache.glob("*/manifest.json"), key=lambda file: file.parent.stat().st_mtime)
        for manifest in entries[:-KEPT]:
            shutil.rmtree(manifest.parent, ignore_errors=True)


def clean_environment() -> dict[str, str]:
    """This process's environment without credentials, so that a synth asks no account for anything."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GIT_", "PYTHON"))}
    return {**kept, "CDK_VALIDATION": "false", "CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_VERSION_CHECK": "1"}


def _head(side: Side, folder: Callable[[], Path]) -> Assembly:
    try:
        return assembly.read(folder(), _label(side))
    except SynthError as error:
        raise UnreadableError(f"{_label(side)} cannot be synthesised: there is nothing to review.\n{error}") from error


def _label(side: Side) -> str:
    return side.label if isinstance(side, Revision) else str(side)


def _assets(names: list[str]) -> list[str]:
    """What a review does not read: the contents of assets, nested stacks' templates and buildspecs apart."""
    return [name for name in names if not name.endswith(".json") and not name.startswith(("assembly-", "buildspec-"))]


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _end_of(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(f"  | {line}" for line in done.stdout.strip().splitlines()[-LAST_LINES:])


@contextmanager
def _only_one(target: Path) -> "Iterator[None]":
    """Two reviews of one tree: the second waits, then finds the work done."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
