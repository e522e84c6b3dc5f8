"""Parts of synths, kept by the digest of what they were made of.

Nothing is taken from here unseen: every file is copied, and compared with its digest while it is.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 512 * 1024 * 1024
"""What is kept in all; what was used longest ago goes first."""
_Signature = tuple[int, ...]
RECENT_SECONDS = 3600
"""So young a file may belong to a record that another synth is about to write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of an assembly."""

    files: tuple[str, ...]
    """Its files, below the assembly's folder."""
    data: Mapping[str, Any]
    """What the rest of the synth must know of it, as JSON has it."""


class DamagedError(Exception):
    """What is kept is not what was written."""


class Store:
    """A folder that any number of synths share. A record is written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._parts = folder / "parts"
        self._files = folder / "files"
        self._folder = folder
        self._taken: dict[Path, tuple[str, _Signature]] = {}
        """File in an assembly -> digest and state of what was last taken or kept: many parts bring the same asset."""

    def take(self, key: str, into: Path) -> Part | None:
        """Copy a part's files into an assembly's folder. None if it is not there, damaged, or of another format."""
        record = self._parts / f"{key}.json"
        copied: list[Path] = []
        try:
            files, data = _read(record, key)
            for name, (content, mode) in files.items():
                target = into / name
                if self._taken.get(target) != (content, _signature(target)):
                    copied.append(target)
                    _copy(self._files / content, target, content, mode)
                    self._taken[target] = (content, _signature(target))
            os.utime(record)
        except (OSError, DamagedError):
            for path in copied:
                path.unlink(missing_ok=True)
                self._taken.pop(path, None)
            return None
        return Part(files=tuple(files), data=data)

    def keep(self, key: str, part: Part, folder: Path) -> None:
        """Keep a part that lies in an assembly's folder."""
        self._parts.mkdir(parents=True, exist_ok=True)
        self._files.mkdir(parents=True, exist_ok=True)
        files = {name: [self._keep_file(folder / name), (folder / name).stat().st_mode & 0o777] for name in part.files}
        content = json.dumps({"key": key, "files": files, "data": part.data})
        _write(self._parts / f"{key}.json", f"{_digest(content.encode())}\n{content}".encode())

    def prune(self, most_bytes: int = MOST_BYTES) -> None:
        """Remove what was used longest ago until the rest is small enough. One synth at a time does."""
        if not self._files.is_dir():
            return
        with (self._folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if sum(size for _, size, _ in _listed(self._files)) > most_bytes:
                self._remove_oldest(most_bytes)

    def _remove_oldest(self, most_bytes: int) -> None:
        sizes = {path.name: size for path, size, _ in _listed(self._files)}
        kept: set[str] = set()
        total = 0
        for record, _, _ in sorted(_listed(self._parts), key=lambda each: -each[2]):
            try:
                its = {content for content, _ in _read(record, record.stem)[0].values()}
            except (OSError, DamagedError):
                its = set()
            total += sum(sizes.get(each, 0) for each in its - kept)
            if not its or total > most_bytes:
                record.unlink(missing_ok=True)
                total = most_bytes + 1  # whatever is older goes, too
            else:
                kept |= its
        before = time.time() - RECENT_SECONDS
        for path, _, used in _listed(self._files):
            if path.name not in kept and used < before:
                path.unlink(missing_ok=True)

    def _keep_file(self, path: Path) -> str:
        name, state = self._taken.get(path, ("", ()))
        if state and state == _signature(path) and (self._files / name).exists():
            return name
        content = path.read_bytes()
        name = _digest(content)
        self._taken[path] = (name, _signature(path))
        target = self._files / name
        if not target.exists():  # of one that is damaged, `take` finds out
            _write(target, content)
        return name


def files_below(folder: Path, *names: str) -> Iterator[str]:
    """Yield the files that these names of a folder stand for: themselves, or whatever is in them."""
    for name in names:
        path = folder / name
        if path.is_dir():
            found: Iterable[Path] = sorted(each for each in path.rglob("*") if each.is_file())
            yield from (each.relative_to(folder).as_posix() for each in found)
        else:
            yield name


def _read(record: Path, key: str) -> tuple[dict[str, tuple[str, int]], dict[str, Any]]:
    first, _, content = record.read_bytes().partition(b"\n")
    if _digest(content) != first.decode(errors="replace"):
        raise DamagedError(record.name)
    read = json.loads(content)
    if read["key"] != key:
        raise DamagedError(record.name)
    files = {name: (content, mode) for name, (content, mode) in read["files"].items()}
    if any(name.startswith("/") or ".." in name.split("/") for name in files):
        raise DamagedError(record.name)
    return files, read["data"]


def _copy(source: Path, target: Path, digest: str, mode: int) -> None:
    content = source.read_bytes()
    if _digest(content) != digest:
        source.unlink(missing_ok=True)
        raise DamagedError(source.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.write_bytes(content)
    target.chmod(mode)


def _signature(path: Path) -> _Signature:
    """Return what tells whether a file was written or replaced since; nothing of one that is not there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _write(target: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    shutil.move(name, target)


def _listed(folder: Path) -> list[tuple[Path, int, float]]:
    found = []
    for entry in os.scandir(folder):
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue
        found.append((Path(entry.path), status.st_size, status.st_mtime))
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
