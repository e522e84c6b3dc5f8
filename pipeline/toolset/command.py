"""What `make setup` and `make lock` do."""

import argparse
import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.toolset import docs, environment, lock, sizes
from pipeline.toolset.failure import SetupError


def main(root: Path, arguments: list[str]) -> int:
    """Run one command; 0 is done, 1 is a failure that was explained."""
    parser = argparse.ArgumentParser(prog="python3 -I pipeline/toolset", description="Installs the locked tools.")
    parser.add_argument(
        "command",
        nargs="?",
        choices=("install", "lock", "path", "docs"),
        default="install",
        help="install (default) the tools that the locks name; lock: write the locks anew; path: print where they are;"
        " docs: install what builds the site of the pages, and print where that is",
    )
    command: str = parser.parse_args(arguments).command
    try:
        target = environment.path_for(root)
        if command == "path":
            sys.stdout.write(f"{target}\n")
        elif command == "docs":
            sys.stdout.write(f"{docs.install(root, say)}\n")
        elif command == "lock":
            lock.write(root, say)
        else:
            install(root, target)
    except SetupError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("setup: interrupted; the next `make setup` starts this environment afresh.\n")
        return 130
    return 0


def install(root: Path, target: Path) -> None:
    """Make the environment unless a finished one is there, then link it."""
    if not environment.is_complete(target):
        start = time.monotonic()
        with only_one(target):
            if not environment.is_complete(target):
                environment.build(root, target, say)
        say(f"tools ready in {time.monotonic() - start:.0f} s: {sizes.megabytes_in(target):,} MB")
    environment.link(root, target)


@contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Two setups of one lock at a time would undo each other: the second waits, then finds the work done."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = target.with_suffix(".lock").open("w")
    except OSError as error:
        raise SetupError(
            f"cannot write to {target.parent}, where the tools go ({error.strerror}): set PENSTOCK_CACHE to a folder"
            " that you may write to."
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another setup of the same tools is running; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    """Progress for people: everything here takes longer than two seconds."""
    sys.stderr.write(f"setup: {line}\n")
    sys.stderr.flush()
