"""The folder of one build: its source, its HOME, and a place of its own for whatever it installs."""

import functools
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

# Debian's Python is "externally managed" and a fresh one has no pip; a virtual environment of the build's own takes
# what the build installs, and still sees what the machine has. It needs no more than these files.
VENV = """\
home = {home}
include-system-site-packages = true
version = {version}
"""
PIP = """\
#!/bin/sh
if {python} -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("pip") is None)'; then
  exec {python} -m pip "$@"
fi
VIRTUAL_ENV={venv} exec uv pip "$@"
"""
NPM = """\
#!/bin/sh
exec {python} -IS {program} {npm} {folders} -- "$@"
"""
NODE_MODULES = ("../node/node_modules", "../lib/node_modules", "..")
"""Where packages lie as seen from a folder of commands: the shared environment's, npm's global and local layouts."""
PROBE = """\
import json, site, sys
print(json.dumps([getattr(sys, "_base_executable", sys.executable), "%d.%d" % sys.version_info[:2],
    [] if sys.prefix == sys.base_prefix else site.getsitepackages()]))
"""


class Workspace:
    """A container of one build; nothing but the log, which lies elsewhere, outlives the build."""

    def __init__(self, folder: Path, downloads: Path, log: Path) -> None:
        self.folder = folder
        self._downloads = downloads
        self.source = folder / "src"
        self.inputs = folder / "inputs"
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.tools = folder / "tools"
        self.shell = folder / "shell"
        self.wrappers = folder / "wrappers"
        self.log = log

    def prepare(self, tools: Sequence[str]) -> None:
        """Make the folders, and the place that `pip install` and `npm install -g` write to."""
        for folder in (
            self.source,
            self.inputs,
            self.home,
            self.temporary,
            self.tools / "bin",
            self.shell,
            self.wrappers,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        python = shutil.which("python3", path=os.pathsep.join(tools))
        npm = shutil.which("npm", path=os.pathsep.join(tools))
        if python is not None:
            self._own_python(python)
            if npm is not None:
                self._wrap_npm(python, npm, tools)

    def variables(self, tools: Sequence[str]) -> dict[str, str]:
        """Return the variables that keep a build in its folder."""
        downloads = self._downloads
        return {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PATH": os.pathsep.join((str(self.tools / "bin"), str(self.wrappers), *tools)),
            # Git looks for a repository in the folders above, and ssh for keys in the user's own HOME.
            "GIT_CEILING_DIRECTORIES": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSH_COMMAND": shlex.join(("ssh", "-F", "none", *(f"-o{option}" for option in self._ssh_options()))),
            "npm_config_prefix": str(self.tools),
            # Downloads are kept by content and shared by the builds of this cloud; they are not the user's.
            "npm_config_cache": str(downloads / "npm"),
            "npm_config_update_notifier": "false",
            "PIP_CACHE_DIR": str(downloads / "pip"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_CACHE_DIR": str(downloads / "uv"),
        }

    def remove(self) -> None:
        """Forget everything, like the container that AWS throws away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ssh_options(self) -> tuple[str, ...]:
        keys = self.home / ".ssh"
        return ("IdentityAgent=none", f"IdentityFile={keys}/id_ed25519", f"UserKnownHostsFile={keys}/known_hosts")

    def _own_python(self, python: str) -> None:
        base, version, packages = python_facts(python, Path(python).stat().st_mtime_ns)
        site_packages = self.tools / "lib" / f"python{version}" / "site-packages"
        site_packages.mkdir(parents=True)
        (self.tools / "pyvenv.cfg").write_text(VENV.format(home=Path(base).parent, version=version))
        for name in ("python3", "python", f"python{version}"):
            (self.tools / "bin" / name).symlink_to(base)
        if packages:  # the machine's python3 is itself one of a virtual environment
            lines = (f"import site; site.addsitedir({package!r})\n" for package in packages)
            (site_packages / "machine.pth").write_text("".join(lines))
        for name in ("pip", "pip3"):
            self._wrap(name, PIP, python=self.tools / "bin" / "python3", venv=self.tools)

    def _wrap_npm(self, python: str, npm: str, tools: Sequence[str]) -> None:
        candidates = (Path(folder, place).resolve() for folder in tools for place in NODE_MODULES)
        folders = [str(each) for each in candidates if each.name == "node_modules" and each.is_dir()]
        program = Path(__file__).with_name("npm.py")
        self._wrap("npm", NPM, python=python, program=program, npm=npm, folders=os.pathsep.join(folders))

    def _wrap(self, name: str, script: str, **values: object) -> None:
        wrapper = self.wrappers / name
        wrapper.write_text(script.format(**{key: shlex.quote(str(value)) for key, value in values.items()}))
        wrapper.chmod(0o755)


@functools.lru_cache(maxsize=8)
def python_facts(python: str, changed_at: int) -> tuple[str, str, list[str]]:
    """Return the base interpreter of a Python, its version, and the packages of its virtual environment."""
    del changed_at  # a replaced interpreter is asked again
    answer = subprocess.run([python, "-I", "-c", PROBE], capture_output=True, text=True, check=True, env={})
    base, version, packages = json.loads(answer.stdout)
    return str(base), str(version), [str(folder) for folder in packages]
