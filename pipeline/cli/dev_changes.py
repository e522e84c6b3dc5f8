"""Which files of a checkout make a service, and what follows from a change of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

SUFFIXES = frozenset({".py", ".json", ".toml", ".yaml", ".yml", ".vtl", ".txt"})
Stamps = Mapping[str, tuple[int, int]]
"""File -> when it was written, and its size."""


class Effect(Enum):
    """What a change asks for; the later ones ask for all that the earlier ones do."""

    TESTS = 1
    HANDLER = 2
    STACK = 3


@dataclass
class Watched:
    """The files that make one service, as they were when somebody last looked."""

    root: Path
    module: str
    """The service's folder below services/."""
    _seen: Stamps = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seen = self._now()

    def changes(self) -> list[str]:
        """Return what was written, added or deleted since, sorted; looks as often as it is asked."""
        before, self._seen = self._seen, self._now()
        files = before.keys() | self._seen.keys()
        return sorted(file for file in files if before.get(file) != self._seen.get(file))

    def effect(self, files: list[str]) -> Effect:
        """Return what these changes ask for."""
        return max((self._effect(file) for file in files), key=lambda effect: effect.value)

    def _effect(self, file: str) -> Effect:
        below = f"services/{self.module}/"
        if file.startswith(f"{below}tests/"):
            return Effect.TESTS
        return Effect.HANDLER if file.startswith(f"{below}runtime/") else Effect.STACK

    def _now(self) -> Stamps:
        return {file.relative_to(self.root).as_posix(): stamp for file in self._files() if (stamp := _stamp(file))}

    def _files(self) -> Iterator[Path]:
        folders = (f"services/{self.module}", "services/library", "stages", "pipeline/catalogue", "pipeline/definition")
        for folder in folders:
            for file in (self.root / folder).rglob("*"):
                own = folder == f"services/{self.module}" or "tests" not in file.parts
                if own and file.suffix in SUFFIXES and "__pycache__" not in file.parts:
                    yield file


def _stamp(file: Path) -> tuple[int, int] | None:
    """Return None of a file that is gone by now: editors write beside it and rename."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size
