"""The test files in batches: each runs in a process of its own, so that what it read is what it depends on."""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

STARTS_PROCESSES = (
    "subprocess",
    "browser",
    "copy_of_the_checkout",
    "small_checkout",
    "assembly: Assembly",
    "mypy_cache",
)
"""What the text of a test file has that starts processes. Those depend on every file, so others are apart from them."""
PATTERNS = ("test_*.py", "*_test.py")
"""As pytest's python_files has them."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some test files of one folder."""

    name: str
    files: tuple[str, ...]


def batches(root: Path, names: Iterable[str]) -> tuple[Batch, ...]:
    """Divide every test file of a checkout: a folder is one batch, or two if some of its files start processes."""
    options = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    return divide({name: (root / name).read_text(encoding="utf-8") for name in collected(options["testpaths"], names)})


def collected(testpaths: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the files that pytest collects by itself."""
    below = tuple(f"{path}/" for path in testpaths)
    return tuple(
        name
        for name in sorted(names)
        if name.startswith(below) and any(fnmatch(PurePosixPath(name).name, pattern) for pattern in PATTERNS)
    )


def divide(texts: Mapping[str, str]) -> tuple[Batch, ...]:
    """Divide test files by folder, and by whether they start processes."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        apart = " (processes)" if any(mark in text for mark in STARTS_PROCESSES) else ""
        found[f"{PurePosixPath(name).parent}{apart}"].append(name)
    return tuple(Batch(name=name, files=tuple(files)) for name, files in sorted(found.items()))
