"""What a batch of tests depended on when it passed, and whether all of that is as it was.

A record never outlives its day, says nothing of a batch that skipped a test, and is made of contents alone.
"""

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tests.gate.batches import Batch
from tests.gate.checkout import Checkout, head
from tests.gate.observation import Observation, source_of

FOLDER = ".gate"
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""How a record fails that is missing, cut off or of another version."""
ALWAYS = ("pyproject.toml", "tests/gate/")
"""What every batch depends on: pytest reads it before anything is observed."""
UNCOUNTED = (".venv", ".git", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache", FOLDER)
"""Folders of a checkout that are no input: tools, which their own name stands for, and what programs keep for later."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What an outcome depends on beside files that were seen to be read."""

    batch: Batch
    environment: Mapping[str, str]
    marks: str
    day: date

    def digest(self, checkout: Checkout) -> str:
        """Return all of it as one digest."""
        parts = {
            "files": self.batch.files,
            "environment": dict(self.environment),
            "marks": self.marks,
            "day": self.day.isoformat(),
            "python": (platform.python_version(), platform.platform()),
            "tools": str((checkout.root / ".venv").resolve()),
            "listing": checkout.listing,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def counted(checkout: Checkout, observed: Observation) -> frozenset[str] | str:
    """Return the files of the checkout that an observed batch depends on, or why nobody can say."""
    if observed.unseen:
        return checkout.names
    names = {name for path in observed.read for name in _within(checkout.root, source_of(path))}
    strange = sorted(name for name in names - checkout.names if (checkout.root / name).is_file())
    if strange:
        return f"it read {strange[0]}, which git ignores"
    always = {name for name in checkout.names if name.startswith(ALWAYS)}
    return frozenset(names & checkout.names | always)


def _within(root: Path, path: str) -> Iterator[str]:
    """Yield the name of a file of the checkout, and of what it links to."""
    for found, top in ((Path(path), root), (Path(os.path.realpath(path)), root.resolve())):
        if found.is_relative_to(top) and (parts := found.relative_to(top).parts) and parts[0] not in UNCOUNTED:
            yield "/".join(parts)


def keep(before: Checkout, after: Checkout, inputs: Inputs, observed: Observation, *, seconds: float) -> str:
    """Record that a batch passed, unless it is not certain on what; returns why it is not. `before` was loaded then."""
    if observed.skipped:
        return "tests were skipped"
    names = counted(before, observed)
    if isinstance(names, str):
        return names
    digests = before.digests(names)
    if digests != after.digests(names) or inputs.digest(before) != inputs.digest(after):
        return "files changed meanwhile"
    record = {
        "inputs": inputs.digest(before),
        "files": digests,
        "commit": head(before.root) if observed.unseen else None,
        "passed": observed.passed,
        "seconds": seconds,
    }
    file = _file(before.root, inputs.batch)
    file.parent.mkdir(exist_ok=True)
    made = file.with_suffix(f".{os.getpid()}")
    made.write_text(json.dumps(record), encoding="utf-8")
    made.replace(file)
    return ""


def passed(checkout: Checkout, inputs: Inputs) -> int | None:
    """Return how many tests of a batch have passed on the very same inputs; None if it has to run."""
    try:
        record = _read(checkout.root, inputs.batch)
        if record["inputs"] != inputs.digest(checkout) or record["commit"] not in (None, head(checkout.root)):
            return None
        same = all(checkout.digest(name) == digest for name, digest in record["files"].items())
        return int(record["passed"]) if same else None
    except DAMAGED:
        return None


def seconds(root: Path, batch: Batch) -> float:
    """Return how long a batch took when it passed last, on whatever inputs."""
    try:
        return float(_read(root, batch)["seconds"])
    except DAMAGED:
        return math.inf


def _read(root: Path, batch: Batch) -> Any:
    return json.loads(_file(root, batch).read_text(encoding="utf-8"))


def _file(root: Path, batch: Batch) -> Path:
    return root / FOLDER / f"{hashlib.sha256(batch.name.encode()).hexdigest()[:16]}.json"
