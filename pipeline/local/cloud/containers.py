"""Where builds run: in folders that are neither below the checkout nor below anybody's HOME.

A tool that looks for its project in the folders above (git, npm, pytest) finds nothing in a container of AWS's, and
must find nothing here: not the checkout that the local cloud was started from.
"""

import hashlib
import os
import shutil
from pathlib import Path

TEMPORARY_FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - of the system: TMPDIR is below the checkout


def containers(cloud: Path) -> Path:
    """Return the folder that a cloud's builds are in: one of its own where the machine runs nothing in /tmp."""
    name = hashlib.sha256(os.fsencode(cloud.resolve())).hexdigest()[:16]
    for folder in TEMPORARY_FOLDERS:
        if folder.is_dir() and not os.statvfs(folder).f_flag & os.ST_NOEXEC:
            return folder / f"penstock-{os.getuid()}-{name}"
    return cloud / "containers"


def make_container(folder: Path) -> None:
    """Make the folder of one build, in one that belongs to this user and that nobody else may look into."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.parent.lstat()
    if folder.parent.is_symlink() or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(1, "belongs to somebody else, or others may write to it; remove it", str(folder.parent))
    folder.mkdir()


def remove_containers(cloud: Path) -> None:
    """Remove what builds of a cloud have left, which must be over."""
    shutil.rmtree(containers(cloud), ignore_errors=True)
