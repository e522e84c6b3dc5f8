"""The folder of one build: its source, its HOME, and a place of its own for whatever it installs."""

import functools
import json
import os
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
PROBE = """\
import json, site, sys
print(json.dumps([getattr(sys, "_base_executable", sys.executable), "%d.%d" % sys.version_info[:2],
    [] if sys.prefix == sys.base_prefix else site.getsitepackages()]))
"""


class Workspace:
    """`builds/<uuid>`; nothing but its log outlives the build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "src"
        self.inputs = folder / "inputs"
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.tools = folder / "tools"
        self.shell = folder / "shell"
        self.fallbacks = folder / "fallbacks"
        self.log = folder / "log.txt"

    def prepare(self, tools: Sequence[str]) -> None:
        """Make the folders, and the place that `pip install` and `npm install -g` write to."""
        for folder in (
            self.source,
            self.inputs,
            self.home,
            self.temporary,
            self.tools / "bin",
            self.shell,
            self.fallbacks,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        python = shutil.which("python3", path=os.pathsep.join(tools))
        if python is not None:
            self._own_python(python)

    def variables(self, tools: Sequence[str]) -> dict[str, str]:
        """The variables that keep a build in its folder."""
        downloads = self.folder.parent / "downloads"
        return {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PATH": os.pathsep.join((str(self.tools / "bin"), str(self.fallbacks), *tools)),
            "npm_config_prefix": str(self.tools),
            # Downloads are kept by content and shared by the builds of this cloud; they are not the user's.
            "npm_config_cache": str(downloads / "npm"),
            "npm_config_update_notifier": "false",
            "PIP_CACHE_DIR": str(downloads / "pip"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_CACHE_DIR": str(downloads / "uv"),
        }

    def remove(self) -> None:
        """Forget everything but the log, like the container that AWS throws away."""
        for entry in self.folder.iterdir():
            if entry != self.log:
                shutil.rmtree(entry, ignore_errors=True)

    def _own_python(self, python: str) -> None:
        base, version, packages = python_facts(python, Path(python).stat().st_mtime_ns)
        site_packages = self.tools / "lib" / f"python{version}" / "site-packages"
        site_packages.mkdir(parents=True)
        (self.tools / "pyvenv.cfg").write_text(VENV.format(home=Path(base).parent, version=version))
        for name in ("python3", "python", f"python{version}"):
            (self.tools / "bin" / name).symlink_to(base)
        if packages:  # the machine's python3 is itself one of a virtual environment
            (site_packages / "machine.pth").write_text("".join(f"{folder}\n" for folder in packages))
        for name in ("pip", "pip3"):
            script = self.fallbacks / name
            script.write_text(PIP.format(python=self.tools / "bin" / "python3", venv=self.tools))
            script.chmod(0o755)


@functools.lru_cache(maxsize=8)
def python_facts(python: str, changed_at: int) -> tuple[str, str, list[str]]:
    """The base interpreter of a Python, its version, and the packages of its virtual environment."""
    del changed_at  # a replaced interpreter is asked again
    answer = subprocess.run([python, "-I", "-c", PROBE], capture_output=True, text=True, check=True, env={})
    base, version, packages = json.loads(answer.stdout)
    return str(base), str(version), [str(folder) for folder in packages]
