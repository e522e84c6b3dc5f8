"""Run the unit tests of the services that a run changes: `make units`, in a build beside the first stage's deployment.

A service is unchanged if its tests have passed here on the very same files: its own, and all that is no other
service's. So a change of what services share runs the tests of all. Which files passed is kept beside the artifacts.
"""

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Collection, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

PREFIX = "unit-tests"
"""Of what is kept."""
FOLDER = "services"
SHARED = "library"
LEFT_OUT = frozenset({".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__", "cdk.out", "docs"})
"""Folders in which nothing is that a test of a service depends on."""
NOT_KEPT = ("NoSuchKey", "AccessDenied")
"""The second where there is no such object, to whoever may not list the bucket."""


def main() -> int:
    """Test what is not as it was when it last passed; 1 if a test fails."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.builds.unit_tests", description=__doc__)
    parser.add_argument("--store", required=True, help="the bucket of the pipeline's artifacts")
    store = parser.parse_args().store
    s3, root = boto3.client("s3"), Path()
    passed = keys(root, services(root))
    due = [service for service, each in passed.items() if not _is_kept(s3, store, each)]
    for service in passed.keys() - due:
        _say(f"{service} is as it was when its unit tests passed.")
    if not due:
        _say("No service has unit tests that would have to run.")
        return 0
    _say(f"The unit tests of {', '.join(due)}:")
    marks = "not cloud and not soak and not slow"
    folders = [f"{FOLDER}/{service}" for service in due]
    done = subprocess.run([".venv/bin/pytest", "-n", "0", "-q", "-m", marks, *folders], check=False)
    for service in due if done.returncode == 0 else ():
        s3.put_object(Bucket=store, Key=passed[service], Body=b"")
    return done.returncode


def services(root: Path) -> list[str]:
    """Return the services that have unit tests."""
    found = (root / FOLDER).glob("*/tests")
    return sorted(each.parent.name for each in found if each.parent.name != SHARED)


def keys(root: Path, names: Collection[str]) -> dict[str, str]:
    """Return service -> the name under which it is kept that its tests passed on these files; each is read once."""
    entries = {each.name for each in (root / FOLDER).iterdir()} - {SHARED}
    files = [
        (_services_of(path) & entries, f"{path}\0{hashlib.sha256((root / path).read_bytes()).hexdigest()}\n")
        for path in sorted(each.relative_to(root) for each in _files(root, root))
    ]
    found = {}
    for name in names:
        its = "".join(line for services_, line in files if services_ <= {name})
        found[name] = f"{PREFIX}/{name}/{hashlib.sha256(its.encode()).hexdigest()}"
    return found


def _services_of(path: Path) -> set[str]:
    """Return what a file may be of: the folders that lie in a folder of services, in tests' as well."""
    return {inner for outer, inner in pairwise(path.parts[:-1]) if outer == FOLDER}


def _files(root: Path, folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that may count for a service."""
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink() and each.name not in LEFT_OUT:
            yield from _files(root, each)
        elif each.is_file() and not (folder == root and each.suffix == ".md"):
            yield each


def _is_kept(s3: Any, store: str, name: str) -> bool:
    try:
        s3.get_object(Bucket=store, Key=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_KEPT:
            raise
        return False
    return True


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
