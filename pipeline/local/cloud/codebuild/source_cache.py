"""Unpacks a zip once, for however many builds have it as their source.

Each build gets files of its own, so that nothing it writes, in place or not, is seen by another: copies, which share
their blocks where the file system can. A copy takes a sixth of unpacking's processor time, and in a process of its own
it takes none of the emulator's.
"""

import hashlib
import shutil
import subprocess
import threading
from pathlib import Path

from pipeline.local.cloud.codebuild.artifacts import unpack

KEPT = 4
"""A run has two: the source, and the assembly that its Synth action made of it."""


class SourceCache:
    """Unpacked zips, by content. They are this process's: what an earlier one left may be half of something."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._used: list[Path] = []
        """The latest last."""
        self._tags: dict[str, tuple[str, Path]] = {}
        """Where a zip comes from -> the tag that it had there, and what was unpacked of it."""
        shutil.rmtree(folder, ignore_errors=True)

    def unpack(self, archive: Path, target: Path, *, place: str = "", tag: str = "") -> None:
        """Put what a zip holds into a folder; ArtifactError if it is none. `place`, `tag`: where it had which ETag."""
        with archive.open("rb") as body:
            tree = self._folder / hashlib.file_digest(body, "sha256").hexdigest()
        with self._lock:
            if tree not in self._used:
                shutil.rmtree(tree, ignore_errors=True)  # half of it may be there, if the disk was full
                unpack(archive, tree)
            if tag:
                self._tags[place] = tag, tree
            self._take(tree, target)

    def tag(self, place: str) -> str | None:
        """Return the tag of the zip from there of which the content is at hand."""
        with self._lock:
            return self._tags.get(place, (None,))[0]

    def copy(self, place: str, tag: str, target: Path) -> bool:
        """Put what the zip from there with this tag holds into a folder; False if it is not at hand any more."""
        with self._lock:
            known, tree = self._tags.get(place, ("", self._folder))
            if known == tag:
                self._take(tree, target)
            return known == tag

    def _take(self, tree: Path, target: Path) -> None:
        self._used = [*(used for used in self._used if used != tree), tree]
        _copy(tree, target)
        for old in self._used[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        self._used = self._used[-KEPT:]
        self._tags = {place: each for place, each in self._tags.items() if each[1] in self._used}


def _copy(tree: Path, target: Path) -> None:
    done = subprocess.run(
        ["cp", "--archive", "--reflink=auto", f"{tree}/.", target], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(done.stderr.strip())
