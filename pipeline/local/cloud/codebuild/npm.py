"""Stands before npm in a build: to install what this machine has is to link it.

That is `npm install -g name@version` of a tool, and `npm ci --prefix folder` of a lock whose packages are all here,
with the same hashes. A pipeline installs its pinned tools anew in every job, because a container starts empty; here
that would be most of the job's time, and would need the network. Everything else goes to npm as it is, another version
too. (Run by the wrapper that `Workspace` makes, as `python3 npm.py NPM FOLDERS -- arguments`.)
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LAUNCHERS = {"cdk-assets": "asset_publisher.py"}
"""Commands that something of ours stands before, too: what `npm ci` or another version installs stays npm's."""
LAUNCHER = """\
#!/bin/sh
exec {python} -IS {program} {command} -- "$@"
"""
PINNED = re.compile(r"(?P<name>(?:@[\w.-]+/)?[\w.-]+)@(?P<version>\d+\.\d+\.\d+(?:-[\w.]+)?)")
RUNS_NOTHING = frozenset({"--ignore-scripts", "--omit=dev"})
QUIET = frozenset({"--no-audit", "--no-fund"})


def pinned_tool(arguments: Sequence[str]) -> tuple[str, str] | None:
    """Return the name and exact version, if these arguments ask for one global package and nothing else."""
    words = [word for word in arguments if word not in ("-g", "--global")]
    if len(words) == len(arguments) or len(words) != 2 or words[0] not in ("install", "i", "add"):
        return None
    match = PINNED.fullmatch(words[1])
    return (match["name"], match["version"]) if match else None


def find(name: str, version: str, folders: Sequence[Path]) -> Path | None:
    """Return the package in one of these node_modules folders, if it is there in this version."""
    for folder in folders:
        manifest = folder / name / "package.json"
        if manifest.is_file() and json.loads(manifest.read_text(encoding="utf-8")).get("version") == version:
            return folder / name
    return None


def locked_folder(arguments: Sequence[str]) -> Path | None:
    """Return the folder, if these arguments install a lock there and run nothing of it."""
    if len(arguments) < 3 or (arguments[0], arguments[1]) != ("ci", "--prefix"):
        return None
    flags = {*arguments[3:]}
    return Path(arguments[2]) if RUNS_NOTHING <= flags <= RUNS_NOTHING | QUIET else None


def find_locked(folder: Path, folders: Sequence[Path]) -> Mapping[str, Path] | None:
    """Return the tools that a lock is for, by name, if one of the node_modules folders has all that it lists."""
    locked = _packages(folder / "package-lock.json")
    wanted = {path: its.get("integrity") for path, its in locked.items() if path and not its.get("dev")}
    for each in folders:
        here = _packages(each / ".package-lock.json")
        if wanted and all(its and here.get(path, {}).get("integrity") == its for path, its in wanted.items()):
            return {name: each / name for name in locked[""].get("dependencies", {})}
    return None


def _packages(lock: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lock.read_text(encoding="utf-8"))["packages"] if lock.is_file() else {}
    return found


def link(package: Path, name: str, modules: Path, commands: Path) -> None:
    """Make a package that lies elsewhere one of these modules, and its commands some of these."""
    bins = json.loads((package / "package.json").read_text(encoding="utf-8")).get("bin", {})
    entries = {name.rpartition("/")[2]: bins} if isinstance(bins, str) else bins
    links = {modules / name: package}
    links |= {commands / command: package / entry for command, entry in entries.items()}
    for place, target in links.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        if place.name in LAUNCHERS and place.parent == commands:
            _launch(place, target)
        else:
            place.symlink_to(target)


def _launch(place: Path, command: Path) -> None:
    values = {
        "python": sys.executable,
        "program": str(Path(__file__).with_name(LAUNCHERS[place.name])),
        "command": str(command),
    }
    place.write_text(LAUNCHER.format(**{name: shlex.quote(value) for name, value in values.items()}), encoding="utf-8")
    place.chmod(0o755)


def main(npm: str, folders: str, arguments: Sequence[str]) -> None:
    """Link what is asked for, or become npm."""
    here = [Path(folder) for folder in folders.split(os.pathsep)]
    said = _link_locked(arguments, here) or _link_global(arguments, here)
    if said is None:
        os.execv(npm, [npm, *arguments])  # noqa: S606 - the same npm that PATH names, without a shell
    sys.stdout.write(f"{said} among this machine's tools: linked\n")


def _link_locked(arguments: Sequence[str], here: Sequence[Path]) -> str | None:
    folder = locked_folder(arguments)
    tools = find_locked(folder, here) if folder else None
    if folder is None or tools is None:
        return None
    for name, package in tools.items():
        link(package, name, folder / "node_modules", folder / "node_modules/.bin")
    return f"What {folder}/package-lock.json lists is"


def _link_global(arguments: Sequence[str], here: Sequence[Path]) -> str | None:
    wanted = pinned_tool(arguments)
    prefix = os.environ.get("npm_config_prefix")  # noqa: SIM112 - npm spells it so
    package = find(*wanted, here) if wanted else None
    if wanted is None or package is None or prefix is None:
        return None
    link(package, wanted[0], Path(prefix, "lib/node_modules"), Path(prefix, "bin"))
    return f"{'@'.join(wanted)} is"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[4:])
