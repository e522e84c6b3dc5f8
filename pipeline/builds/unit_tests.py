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
LEFT_OUT = frozenset({".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"})
"""Folders in which nothing is that a test of a service depends on, wherever they are."""
LEFT_OUT_OF_ROOT = frozenset({"cdk.out", "docs"})
"""Those of the checkout itself; a service may have one of that name."""
NOTHING_COLLECTED = 5
"""Of pytest's exit codes: https://docs.pytest.org/en/stable/reference/exit-codes.html."""
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
    for service in sorted(passed.keys() - due):
        _say(f"{service} is as it was when its unit tests passed.")
    for service in untested(root):
        _say(f"{service} has no tests.")
    if not due:
        _say("No service has unit tests that would have to run.")
        return 0
    _say(f"The unit tests of {', '.join(due)}:")
    marks = "not cloud and not soak and not slow"
    folders = [f"{FOLDER}/{service}" for service in due]
    done = subprocess.run([".venv/bin/pytest", "-n", "0", "-q", "-m", marks, *folders], check=False)
    if done.returncode == NOTHING_COLLECTED:
        _say(f"None of these tests is one that a build runs ({marks}).")
        return 0
    for service in due if done.returncode == 0 else ():
        s3.put_object(Bucket=store, Key=passed[service], Body=b"")
    return done.returncode


def services(root: Path) -> list[str]:
    """Return the services that have unit tests."""
    found = (root / FOLDER).glob("*/tests")
    return sorted(each.parent.name for each in found if each.parent.name != SHARED)


def untested(root: Path) -> list[str]:
    """Return the services of whose working nothing here says anything."""
    found = {each.parent.name for each in (root / FOLDER).glob("*/service.py")}
    return sorted(found.difference(services(root)))


def keys(root: Path, names: Collection[str]) -> dict[str, str]:
    """Return service -> the name under which it is kept that its tests passed on these files; each is read once."""
    entries = {each.name for each in (root / FOLDER).iterdir()} - {SHARED}
    files = [
        (_services_of(path) & entries, f"{path}\0{hashlib.sha256((root / path).read_bytes()).hexdigest()}\n")
        for path in sorted(each.relative_to(root) for each in _files(root.resolve(), root))
    ]
    found = {}
    for name in names:
        its = "".join(line for services_, line in files if services_ <= {name})
        found[name] = f"{PREFIX}/{name}/{hashlib.sha256(its.encode()).hexdigest()}"
    return found


def _services_of(path: Path) -> set[str]:
    """Return what a file may be of: the folders that lie in a folder of services, in tests' as well."""
    return {inner for outer, inner in pairwise(path.parts[:-1]) if outer == FOLDER}


def _files(root: Path, folder: Path, within: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yield the files below a folder that may count for a service.

    Links are followed as packaging does: not out of the checkout, and not round in a circle. `within`: the folders
    around, by their own names.
    """
    here = folder.resolve()
    if here in within or not here.is_relative_to(root):
        return
    left_out = LEFT_OUT | (LEFT_OUT_OF_ROOT if here == root else set())
    for each in folder.iterdir():
        if each.is_dir() and each.name not in left_out:
            yield from _files(root, each, within | {here})
        elif each.is_file() and not (here == root and each.suffix == ".md"):
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
