"""What functions import, made ready once at setup: synth only unpacks it, and the local cloud installs nothing.

In the environment's folder `functions`:

    packages.json                           the groups below, and the lock that they were made from
    <group>.zip, <group>.txt                a group's distributions for the deployed machine, and their requirements
    host/<python>/<sha256 of requirements>  the same versions for this machine, for the local cloud and for tests
"""

import csv
import hashlib
import io
import json
import platform
import re
import shutil
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from pipeline.toolset import uv
from services.library.packaging import dependencies

FOLDER = "functions"
TOOL_GROUPS = frozenset({"platform", "check", "emulator"})
OF_THE_INSTALLER = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""Files in *.dist-info that tell how a distribution came here, and would make packages differ between machines."""


def build(root: Path, program: Path, folder: Path, interpreter: Path) -> None:
    """Prepare every group that functions have; `interpreter` is the Python whose host builds are wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = {}
    for group, requirements in requirements_by_group(root, program).items():
        prefix = "python/" if group == dependencies.LAYER_GROUP else ""
        file = folder / f"{group}.txt"
        file.write_text(requirements)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            tree = Path(temporary) / group
            deployed = ("--python-platform", dependencies.PLATFORM, "--python-version", dependencies.PYTHON)
            _install(program, file, tree, *deployed, "--no-compile-bytecode")
            modules = {path.name.split(".")[0] for path in tree.iterdir() if path.suffix != ".dist-info"}
            digest = archive(tree, folder / f"{group}.zip", prefix=prefix, requirements=requirements)
            groups[group] = {"digest": digest, "modules": sorted(modules)}
        host_build(program, file, folder, interpreter)
    lock = hashlib.sha256((root / "uv.lock").read_bytes()).hexdigest()
    (folder / dependencies.INDEX).write_text(json.dumps({"lock": lock, "groups": groups}, indent=2) + "\n")


def host_build(program: Path, requirements: Path, folder: Path, interpreter: Path) -> None:
    """Install the same versions for this machine; compiled, because workers start with them over and over."""
    target = host_path(folder, requirements)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        tree = Path(temporary) / target.name
        _install(program, requirements, tree, "--python", str(interpreter), "--compile-bytecode")
        tree.replace(target)


def host_path(folder: Path, requirements: Path) -> Path:
    """Where the host build of some requirements is. The local cloud looks for it under the same name."""
    name = hashlib.sha256(requirements.read_bytes()).hexdigest()
    return folder / "host" / f"{sys.implementation.cache_tag}-{platform.machine()}" / name


def requirements_by_group(root: Path, program: Path) -> dict[str, str]:
    """The hashed requirements of the layer and, beyond those, of each service that has any."""
    document = tomllib.loads((root / "uv.lock").read_text())
    (project,) = (package for package in document["package"] if "dev-dependencies" in package)
    groups = sorted(project["dev-dependencies"].keys() - TOOL_GROUPS)
    layer = _requirements(root, program, dependencies.LAYER_GROUP)
    found = {dependencies.LAYER_GROUP: "".join(layer)}
    for group in groups:
        own = [line for line in _requirements(root, program, group) if line not in layer]
        if own and group != dependencies.LAYER_GROUP:
            found[group] = "".join(own)
    return found


def _requirements(root: Path, program: Path, group: str) -> list[str]:
    """One string for each distribution: its requirement and its hashes, over several lines as uv writes them."""
    flags = ("--quiet", "--frozen", "--no-header", "--no-annotate", "--only-group", group)
    text = uv.run(program, "export", *flags, cwd=root)
    return re.findall(r"^\S.*\n(?:[ \t].*\n)*", text, re.MULTILINE)


def _install(program: Path, requirements: Path, target: Path, *options: str) -> None:
    # --no-deps: the export is complete, and a file that is not must fail here instead of being completed.
    fixed = ("--quiet", "--only-binary", ":all:", "--require-hashes", "--no-deps")
    arguments = ("--target", str(target), "-r", str(requirements), *fixed, *options)
    uv.run(program, "pip", "install", *arguments, cwd=requirements.parent)
    shutil.rmtree(target / "bin", ignore_errors=True)  # commands, each with the path of this machine's Python
    (target / ".lock").unlink(missing_ok=True)


def archive(tree: Path, path: Path, *, prefix: str, requirements: str) -> str:
    """Zip a tree so that the same distributions give the same bytes everywhere; the digest is of the content alone."""
    digest = hashlib.sha256(requirements.encode())
    with zipfile.ZipFile(path, "w") as zipped:
        _add(zipped, dependencies.REQUIREMENTS, requirements.encode())
        for file in sorted(tree.rglob("*"), key=lambda file: file.relative_to(tree).as_posix()):
            name = file.relative_to(tree).as_posix()
            in_metadata = file.parent.name.endswith(".dist-info")
            if file.is_dir() or (in_metadata and file.name in OF_THE_INSTALLER):
                continue
            content = file.read_bytes()
            if in_metadata and file.name == "RECORD":
                content = _record(content.decode(), tree)
            digest.update(f"{prefix}{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
            _add(zipped, f"{prefix}{name}", content)
    return digest.hexdigest()


def _add(zipped: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name)  # dated 1980, whenever it is made
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    zipped.writestr(entry, content)


def _record(text: str, tree: Path) -> bytes:
    """What a distribution consists of, less what is not shipped. The local cloud knows by it what to swap."""
    kept = io.StringIO()
    writer = csv.writer(kept, lineterminator="\n")
    for row in sorted(csv.reader(text.splitlines())):
        file = tree / row[0]
        if file.name not in OF_THE_INSTALLER and file.is_file() and file.is_relative_to(tree):
            writer.writerow(row)
    return kept.getvalue().encode()
