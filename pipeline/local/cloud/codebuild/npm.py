"""Stands before npm in a build: `npm install -g name@version` of a tool that this machine has is a link to it.

A pipeline installs its pinned tools anew in every job, because a container starts empty; here that would be most of the
job's time, and would need the network. Everything else goes to npm as it is, another version too. (Run by the wrapper
that `Workspace` makes, as `python3 npm.py NPM FOLDERS -- arguments`.)
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

LAUNCHERS = {"cdk-assets": "asset_publisher.py"}
"""Commands that something of ours stands before, too: what `npm ci` or another version installs stays npm's."""
LAUNCHER = """\
#!/bin/sh
exec {python} -IS {program} {command} -- "$@"
"""
PINNED = re.compile(r"(?P<name>(?:@[\w.-]+/)?[\w.-]+)@(?P<version>\d+\.\d+\.\d+(?:-[\w.]+)?)")


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


def link(package: Path, name: str, prefix: Path) -> None:
    """Make a package that lies elsewhere a global one."""
    bins = json.loads((package / "package.json").read_text(encoding="utf-8")).get("bin", {})
    commands = {name.rpartition("/")[2]: bins} if isinstance(bins, str) else bins
    links = {prefix / "lib/node_modules" / name: package}
    links |= {prefix / "bin" / command: package / entry for command, entry in commands.items()}
    for place, target in links.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        if place.name in LAUNCHERS and place.parent.name == "bin":
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
    """Link the tool, or become npm."""
    wanted = pinned_tool(arguments)
    prefix = os.environ.get("npm_config_prefix")  # noqa: SIM112 - npm spells it so
    package = find(*wanted, [Path(folder) for folder in folders.split(os.pathsep)]) if wanted else None
    if wanted is None or package is None or prefix is None:
        os.execv(npm, [npm, *arguments])  # noqa: S606 - the same npm that PATH names, without a shell
    link(package, wanted[0], Path(prefix))
    sys.stdout.write(f"{'@'.join(wanted)} is among this machine's tools: linked\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[4:])
