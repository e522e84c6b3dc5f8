"""Synth: the same commit gives the same bytes, wherever and whenever, without credentials and without a network."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, Assembly, synth


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def copy_of_the_checkout(target: Path) -> Path:
    """What git would hand over, plus what is not committed yet; made under another umask, dated long ago."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    before = os.umask(0o077)
    try:
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, target / name)
                os.utime(target / name, (1_000_000_000, 1_000_000_000))
    finally:
        os.umask(before)
    (target / ".venv").symlink_to((ROOT / ".venv").resolve())
    return target


def test_the_same_commit_gives_the_same_bytes_elsewhere_at_another_time_and_offline(
    assembly: Assembly, tmp_path: Path
) -> None:
    checkout = copy_of_the_checkout(tmp_path / "another place")
    probe = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    if probe.returncode and "CI" not in os.environ:
        pytest.skip("this system lets nobody unshare a network namespace (kernel.unprivileged_userns_clone)")
    home = tmp_path / "home"
    home.mkdir()
    done = synth(
        tmp_path / "out",
        checkout=checkout,
        environment={"TZ": "Pacific/Kiritimati", "HOME": str(home), "LANG": "C"},
        within=("unshare", "-rn", "sh", "-c", 'umask 077; exec "$0" "$@"'),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert digests(tmp_path / "out") == digests(assembly.folder)
