"""Accepted executions, on disk before their answer leaves: what a kill takes from memory comes back from here.

A snapshot of everything takes too long to be taken for each request. So each accepted start is one line in a file, and
a snapshot needs only to know which lines it already contains: the file is closed when the state is copied, and the
snapshot remembers the number of the next one. Files that no kept snapshot needs are removed.

A line is handed to the kernel before the answer is sent and so survives a kill of the emulator; a power cut it need
not, as nothing waits for the disk.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

logger = logging.getLogger("penstock.stepfunctions")

SUFFIX = ".journal"
SNAPSHOTS_KEPT = 2
"""As many as the local cloud keeps: if the last is damaged it goes back to the one before."""

Json = dict[str, Any]


@dataclass
class Journal:
    """The lines since each kept snapshot. Not safe for threads: whoever uses it has a lock."""

    folder: Path
    _first_needed: list[int] = field(default_factory=list)
    _file: FileIO | None = None
    _number: int = 0

    def __post_init__(self) -> None:
        self._number = max(self._numbers(), default=0) + 1

    def append(self, entry: Json) -> None:
        """Add a line; once this returns a kill does not take it. Raises OSError when there is no room."""
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path(self._number).open("ab", buffering=0)
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(f"{self._file.name} took only a part of a line")

    def begin_snapshot(self) -> int:
        """Close the file; the state as it is now contains every line so far. Answers the number of the next file."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._number += 1
        return self._number

    def end_snapshot(self, number: int) -> None:
        """Forget what no kept snapshot needs: the one that began with this number is safe."""
        if number not in self._first_needed:  # else nothing was started since, and it may be the same snapshot
            self._first_needed = [*self._first_needed, number][-SNAPSHOTS_KEPT:]
        if len(self._first_needed) == SNAPSHOTS_KEPT:
            for old in self._numbers():
                if old < self._first_needed[0]:
                    self._path(old).unlink(missing_ok=True)

    def since(self, number: int) -> Iterator[Json]:
        """Read every line from this number on. The last of a file may be torn: its answer was never sent."""
        for one in self._numbers():
            if one >= number:
                for line in self._path(one).read_bytes().split(b"\n"):
                    try:
                        entry = json.loads(line) if line else None
                    except ValueError:
                        logger.warning("%s ends in a torn line, of a start that was not answered", self._path(one))
                        continue
                    if entry is not None:
                        yield entry

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob(f"*{SUFFIX}") if path.stem.isdecimal())

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}{SUFFIX}"
