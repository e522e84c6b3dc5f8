"""Whose each file of the repository is: the company's, a command's, a sample, or the platform's."""

import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

FILE = Path("pipeline/scaffold/ownership.toml")


class FileOwner(StrEnum):
    """Who writes a file."""

    COMPANY = "company"
    GENERATED = "generated"
    PLATFORM = "platform"
    SAMPLES = "samples"


def read(root: Path) -> Mapping[FileOwner, Sequence[str]]:
    """Return what a checkout says of its files."""
    return parse((root / FILE).read_text(encoding="utf-8"))


def parse(text: str) -> Mapping[FileOwner, Sequence[str]]:
    """Return what this text of the table says."""
    return {FileOwner(name): tuple(paths) for name, paths in tomllib.loads(text).items()}


def owner_of(file: Path, said: Mapping[FileOwner, Sequence[str]]) -> FileOwner:
    """Return who writes a file, given by its path in the repository."""
    fitting = [(path, owner) for owner, paths in said.items() for path in paths if _fits(file.as_posix(), path)]
    return max(fitting, key=lambda each: len(each[0]))[1] if fitting else FileOwner.PLATFORM


def entry_of(file: Path, paths: Sequence[str]) -> str | None:
    """Return the longest of these paths that fits a file; None if none does."""
    return max((path for path in paths if _fits(file.as_posix(), path)), key=len, default=None)


def samples(root: Path) -> list[Path]:
    """Return the files of the reference services that a checkout still has, sorted."""
    said = read(root)
    found: set[Path] = set()
    for path in said[FileOwner.SAMPLES]:
        there = (root / path).rglob("*") if path.endswith("/") else [root / path]
        found |= {each.relative_to(root) for each in there if each.is_file() and "__pycache__" not in each.parts}
    return sorted(file for file in found if owner_of(file, said) is FileOwner.SAMPLES)


def _fits(file: str, path: str) -> bool:
    return file.startswith(path) if path.endswith("/") else file == path
