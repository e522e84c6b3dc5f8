"""Synth: the same commit gives the same bytes, wherever and whenever, without credentials and without a network."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Assembly, synth
from tests.testbed.checkout import copy_of_the_checkout


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def aged_copy_of_the_checkout(target: Path) -> Path:
    """The checkout as another person has it: made under another umask, dated long ago."""
    before = os.umask(0o077)
    try:
        copy_of_the_checkout(target)
    finally:
        os.umask(before)
    for path in target.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (1_000_000_000, 1_000_000_000))
            path.chmod(path.stat().st_mode & ~0o077)
    return target


@pytest.mark.slow
def test_the_same_commit_gives_the_same_bytes_elsewhere_at_another_time_and_offline(
    assembly: Assembly, tmp_path: Path
) -> None:
    checkout = aged_copy_of_the_checkout(tmp_path / "another place")
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
