"""Snapshots of the whole state on disk: whole or not there, the last two kept, unchanged files shared by hard links."""

import hashlib
import json
import logging
import os
import pickle
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

logger = logging.getLogger("penstock.snapshot")

KEPT = 2
BLOB_BYTES = 64 * 1024
"""Larger byte strings (function packages, layers) are files of their own, named by content, so that they are written
once and not at each snapshot."""
STATE = ".state"
MANIFEST = "manifest.json"


class _Pickler(pickle.Pickler):
    def __init__(self, out: BytesIO, blobs: "Blobs") -> None:
        super().__init__(out, protocol=pickle.HIGHEST_PROTOCOL)
        self._blobs = blobs

    def persistent_id(self, value: Any) -> str | None:
        if isinstance(value, bytes) and len(value) > BLOB_BYTES:
            return self._blobs.name_of(value)
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, folder: Path) -> None:
        super().__init__(BytesIO(data))
        self._folder = folder
        self._read: dict[str, bytes] = {}

    def persistent_load(self, name: str) -> bytes:
        if name not in self._read:
            self._read[name] = (self._folder / name).read_bytes()
        return self._read[name]


@dataclass
class Blobs:
    """The large byte strings of one snapshot. Many functions share one package: each is hashed once."""

    _names: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    """By identity, which is a byte string's own only while it lives: so they are held here."""
    used: dict[str, bytes] = field(default_factory=dict)

    def name_of(self, value: bytes) -> str:
        """Return the file name of this byte string, which is its content's."""
        if id(value) not in self._names:
            name = f"{hashlib.sha256(value).hexdigest()}.blob"
            self._names[id(value)] = (value, name)
            self.used[name] = value
        return self._names[id(value)][1]


@dataclass(frozen=True, kw_only=True)
class SnapshotStore:
    """The folder that holds them, each named by a number that only grows."""

    folder: Path

    def write(self, states: Mapping[str, Any], objects: Path | None) -> bool:
        """Add a snapshot and drop the oldest; False when nothing differs from the last one.

        A service whose state cannot be serialised makes this fail, naming it: a set without it would not be consistent.
        `objects` is a folder made for this snapshot, which becomes part of it.
        """
        last = next(self._complete(), None)
        before = _sums(last) if last is not None else {}
        files: dict[str, bytes] = {}
        blobs = Blobs()
        for name, state in states.items():
            out = BytesIO()
            try:
                _Pickler(out, blobs).dump(state)
            except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
                raise SnapshotError(f"the state of {name} cannot be saved: {error}") from error
            files[f"{name}{STATE}"] = out.getvalue()
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        if objects is None and before == sums:
            return False
        number = int(last.name) + 1 if last is not None else 1
        new = self.folder / f"{number}.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for name, data in (files | blobs.used).items():
            unchanged = name in blobs.used or before.get(name) == sums[name]
            if not (unchanged and last is not None and _linked(last / name, new / name)):
                _write(new / name, data)
        if objects is not None:
            objects.rename(new / "objects")
        elif last is not None and (last / "objects").exists():
            shutil.copytree(last / "objects", new / "objects", copy_function=os.link)
        _write(new / MANIFEST, json.dumps(sums).encode())
        _sync_folder(new)
        new.rename(self.folder / str(number))  # here, at once and whole, the new snapshot takes over
        _sync_folder(self.folder)
        for old in list(self._complete())[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        return True

    def resume(self, objects: Path) -> "StoredSnapshot | None":
        """Read the last whole snapshot, and make `objects` hold the S3 objects of that moment and no others.

        A snapshot that is damaged is named in the log, and the one before it is taken.
        """
        shutil.rmtree(objects, ignore_errors=True)
        for folder in self._complete():
            try:
                snapshot = _read(folder)
            except (OSError, ValueError, KeyError, TypeError, pickle.UnpicklingError, EOFError) as error:
                logger.error("Snapshot %s is damaged (%s); going back to the one before it", folder.name, error)
                shutil.rmtree(folder, ignore_errors=True)
                continue
            if (folder / "objects").exists():
                shutil.copytree(folder / "objects", objects, copy_function=os.link)
            return snapshot
        return None

    def _complete(self) -> Iterator[Path]:
        if self.folder.exists():
            names = [path.name for path in self.folder.iterdir() if path.name.isdecimal()]
            yield from (self.folder / name for name in sorted(names, key=int, reverse=True))


@dataclass(frozen=True, kw_only=True)
class StoredSnapshot:
    """One saved state."""

    number: int
    states: Mapping[str, Any]


class SnapshotError(Exception):
    """Why there is no new snapshot; the last one stays."""


def _read(folder: Path) -> StoredSnapshot:
    states = {}
    for name, expected in _sums(folder).items():
        data = (folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != expected:
            raise ValueError(f"{name} is not what was written")
        states[name.removesuffix(STATE)] = _Unpickler(data, folder).load()
    return StoredSnapshot(number=int(folder.name), states=states)


def _sums(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())
    return found


def _linked(old: Path, new: Path) -> bool:
    try:
        os.link(old, new)
    except FileNotFoundError:
        return False
    return True


def _write(target: Path, data: bytes) -> None:
    with target.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
