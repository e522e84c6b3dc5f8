"""How much a setup fetches, and how much it takes on the disk."""

import platform
import sys
import tomllib
from pathlib import Path
from typing import Any

TAKES = "1.7 GB"
"""On the disk once all is installed, measured on Linux; README.md says it too."""
FAMILIES = {"linux": "manylinux", "darwin": "macosx"}


def fetched_megabytes(root: Path) -> int:
    """Return what the locked Python packages weigh as wheels for this machine, about; what uv has already is less."""
    packages = tomllib.loads((root / "uv.lock").read_text())["package"]
    return round(sum(_smallest(package) for package in packages) / 1e6)


def megabytes_in(folder: Path) -> int:
    """Return what the files below a folder have, links not followed."""
    return round(sum(each.lstat().st_size for each in folder.rglob("*") if not each.is_symlink()) / 1e6)


def _smallest(package: dict[str, Any]) -> int:
    return min((wheel.get("size", 0) for wheel in package.get("wheels", ()) if _fits(wheel["path"])), default=0)


def _fits(wheel: str) -> bool:
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    machine = FAMILIES.get(sys.platform, sys.platform) in wheel and platform.machine() in wheel
    return "none-any" in wheel or (machine and any(tag in wheel for tag in (version, "abi3", "py3-none")))
