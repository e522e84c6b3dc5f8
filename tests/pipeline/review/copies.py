"""Copies of an assembly of which a few files differ."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = Any


def copied(folder: Path, to: Path) -> Path:
    """The assembly's JSON once more, of links: who changes a file writes another in its place."""
    for file in sorted(folder.rglob("*.json")):
        (to / file.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
        os.link(file, to / file.relative_to(folder))
    return to


def replaced(file: Path, content: Json) -> None:
    """Write a file of a copy."""
    file.unlink()
    file.write_text(json.dumps(content))


def stacks(folder: Path) -> Iterator[tuple[Path, Json]]:
    """Each stack's template in an assembly, with its file."""
    for file in sorted(folder.rglob("*.template.json")):
        yield file, json.loads(file.read_text())
