"""uv, from the wheel that uv.lock pins, before anything else is installed."""

import io
import os
import platform
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from pipeline.toolset import index
from pipeline.toolset.failure import SetupError


def program(root: Path, folder: Path) -> Path:
    """Fetch uv into a folder and return its path."""
    wheels = wheels_for_this_machine(root)
    if not wheels:
        raise SetupError("uv.lock pins no wheel of uv for this machine: Linux (glibc) and macOS are supported.")
    archive = zipfile.ZipFile(io.BytesIO(index.fetch_wheel("uv", wheels)))
    (member,) = (name for name in archive.namelist() if name.endswith(".data/scripts/uv"))
    target = folder / "uv"
    target.write_bytes(archive.read(member))
    target.chmod(0o755)
    return target


def variables() -> dict[str, str]:
    """The environment that uv runs in: the machine's index, proxies and CA bundle, and no other settings."""
    chosen = {
        name: value for name, value in os.environ.items() if not name.startswith(("UV_", "VIRTUAL_ENV", "PYTHON"))
    }
    chosen |= {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_DEFAULT_INDEX": index.configured_index()}
    if cache := os.environ.get("UV_CACHE_DIR"):
        chosen["UV_CACHE_DIR"] = cache
    if bundle := index.certificates():
        chosen["SSL_CERT_FILE"] = bundle
    return chosen


def run(uv: Path, *arguments: str, cwd: Path) -> str:
    """Run uv; its complaint becomes ours."""
    done = subprocess.run([uv, *arguments], cwd=cwd, env=variables(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"uv {arguments[0]} failed:\n{done.stderr.strip()}")
    return done.stdout


def wheels_for_this_machine(root: Path) -> dict[str, str]:
    """The wheels of uv itself that run on this machine, file name -> sha256."""
    document = tomllib.loads((root / "uv.lock").read_text())
    (package,) = (package for package in document["package"] if package["name"] == "uv")
    machine = platform.machine()
    machine = {"arm64": "aarch64"}.get(machine, machine) if sys.platform == "linux" else machine
    family = {"linux": "manylinux", "darwin": "macosx"}.get(sys.platform, sys.platform)
    return {
        wheel["path"]: wheel["hash"].removeprefix("sha256:")
        for wheel in package["wheels"]
        if family in wheel["path"] and wheel["path"].endswith(f"{machine}.whl")
    }
