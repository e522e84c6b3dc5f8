"""Unpacks functions and layers, with their locked dependencies as built for this machine."""

import csv
import hashlib
import io
import os
import platform
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = "requirements.lock.txt"
LAYER_PYTHON = "python"


class HostBuildError(Exception):
    """The locked dependencies of a package cannot be had for this machine."""


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """A function's or a layer's code on disk."""

    folder: Path
    """The package's own files, without what its distributions installed."""
    distributions: Path | None
    """The same distributions in the same versions for this machine, if the package says which it has."""


@dataclass(frozen=True, kw_only=True)
class Packages:
    """Where packages are unpacked, each content once, and where host builds come from."""

    folder: Path
    prepared: Path
    """The environment's folder `functions`, made by setup. Those of other locks lie beside its environment."""
    lock: threading.Lock

    def unpack(self, content: bytes) -> Unpacked:
        """Unpack a zip file, unless the same content was unpacked before."""
        target = self.folder / "unpacked" / hashlib.sha256(content).hexdigest()
        with self.lock, zipfile.ZipFile(io.BytesIO(content)) as zipped:
            names = zipped.namelist()
            swapped = REQUIREMENTS in names
            if not target.exists():
                skipped = _installed(zipped) if swapped else frozenset()
                _extract(zipped, [name for name in names if name not in skipped], target)
            requirements = zipped.read(REQUIREMENTS) if swapped else b""
            return Unpacked(folder=target, distributions=self._host_build(requirements) if requirements else None)

    def prepared_group(self, name: str) -> Unpacked:
        """Return a dependency group built for this machine, in the place of a layer that nobody here has."""
        file = self.prepared / f"{name}.txt"
        if not file.exists():
            raise HostBuildError(f"the dependency group `{name}` is not prepared: run `make setup`.")
        with self.lock:
            build = self._host_build(file.read_bytes())
        return Unpacked(folder=build, distributions=build)

    def _host_build(self, requirements: bytes) -> Path:
        name = hashlib.sha256(requirements).hexdigest()
        build = Path("host") / f"{sys.implementation.cache_tag}-{platform.machine()}" / name
        installed = self.folder / build
        prepared = sorted(self.prepared.parent.parent.glob(f"*/functions/{build}"))
        found = next((path for path in [self.prepared / build, *prepared, installed] if path.is_dir()), None)
        if found is None:
            self._install(requirements, installed)
        return found or installed

    def _install(self, requirements: bytes, target: Path) -> None:
        """Install what setup did not prepare: a push that changes the locks runs before anyone sets up with them."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
            file = Path(temporary) / REQUIREMENTS
            file.write_bytes(requirements)
            tree = Path(temporary) / "tree"
            fixed = ["--quiet", "--only-binary", ":all:", "--require-hashes", "--no-deps", "--no-config"]
            program = self.prepared.parent / "bin/uv"
            command = [program if program.exists() else "uv", "pip", "install", "--python", sys.executable]
            variables = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
            if "PIP_INDEX_URL" in variables:  # the machine's index, if it is configured for pip alone
                variables.setdefault("UV_DEFAULT_INDEX", variables["PIP_INDEX_URL"])
            done = subprocess.run(
                [*command, "--target", tree, "-r", file, *fixed],
                capture_output=True,
                text=True,
                check=False,
                env=variables,
            )
            if done.returncode:
                raise HostBuildError(
                    "the locked dependencies of this package are not prepared for this machine, and installing them"
                    f" failed. Run `make setup` with network. uv says: {done.stderr.strip()}"
                )
            tree.replace(target)


def _installed(zipped: zipfile.ZipFile) -> frozenset[str]:
    """Return the files that came from distributions, by what those recorded."""
    found = set()
    for name in zipped.namelist():
        if name.endswith(".dist-info/RECORD"):
            prefix = name.rpartition("/")[0].rpartition("/")[0]
            rows = csv.reader(io.StringIO(zipped.read(name).decode()))
            found |= {f"{prefix}/{row[0]}".lstrip("/") for row in rows}
    return frozenset(found)


def _extract(zipped: zipfile.ZipFile, names: list[str], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        tree = Path(temporary) / "tree"
        tree.mkdir()
        for name in names:
            path = Path(zipped.extract(name, tree))
            if mode := (zipped.getinfo(name).external_attr >> 16) & 0o777:
                path.chmod(mode)
        tree.replace(target)


def search_path(function: Unpacked, layers: list[Unpacked]) -> list[str]:
    """sys.path as in Lambda: the function first, then its layers; distributions after the code they came with."""
    path = [function.folder, function.distributions]
    for layer in layers:
        code = layer.folder / LAYER_PYTHON
        path += [*sorted(code.glob("lib/python3*/site-packages")), code, layer.distributions]
    return [str(folder) for folder in path if folder is not None]
