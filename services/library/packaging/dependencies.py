"""What functions import and where they run: decided here, prepared by setup, read by packaging."""

import functools
import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

PYTHON = "3.14"
"""The Lambda runtime of every function; cdk-nag (L1) wants the newest one that aws-cdk-lib knows."""
PLATFORM = "aarch64-manylinux_2_28"
"""Lambda on arm64 runs on Amazon Linux 2023, whose glibc is 2.34."""
LAYER_GROUP = "runtime"
"""The dependency group that every function gets with the layer. A service's own group bears the service's name."""
INDEX = "packages.json"
REQUIREMENTS = "requirements.lock.txt"
"""Hashed requirements beside the distributions in a package: what they are, for the local cloud to build its own."""


class PackagingError(ValueError):
    """A function cannot be packaged; the text says what to change, and where."""


@dataclass(frozen=True, kw_only=True)
class Distributions:
    """The installed distributions of one dependency group, for the machine that functions run on."""

    archive: Path
    """A zip file of them, below `python/` for the layer and at its root for a service."""
    digest: str
    """Of the content alone, so that it names an asset."""
    modules: frozenset[str]
    """The top-level modules that can be imported from them."""

    @property
    def size(self) -> int:
        """Return how many bytes they are unzipped."""
        return _unzipped(self.archive)


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Everything that setup prepared, by dependency group; a group without dependencies is not in it."""

    groups: dict[str, Distributions]

    @classmethod
    def load(cls, folder: Path, lock: Path) -> "Dependencies":
        """Read what setup left in the environment's folder `functions`; it must come from this very lock."""
        index = folder / INDEX
        if not index.exists():
            raise PackagingError(f"{folder} holds no dependencies for functions: run `make setup`.")
        content = json.loads(index.read_text())
        if content["lock"] != hashlib.sha256(lock.read_bytes()).hexdigest():
            raise PackagingError(f"{lock.name} changed since {folder} was made: run `make setup`.")
        return cls(
            groups={
                name: Distributions(
                    archive=folder / f"{name}.zip",
                    digest=group["digest"],
                    modules=frozenset(group["modules"]),
                )
                for name, group in content["groups"].items()
            }
        )


@functools.cache
def _unzipped(archive: Path) -> int:
    with zipfile.ZipFile(archive) as zipped:
        return sum(each.file_size for each in zipped.infolist())
