"""Stands before cdk-assets in a build: asks one process of the build to publish, instead of starting Node each time.

What it does not know the arguments of, or the process cannot do, the command does itself. (Run by the launcher that
npm.py makes, as `python3 asset_publisher.py COMMAND -- arguments`.)
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SOCKET = "cdk-assets.socket"
"""In the build's temporary folder, and bound there: a path to it may be longer than a socket's may be."""
PUBLISH = re.compile(r"--path\0(?P<path>[^\0]+)\0(?P<verbose>--verbose\0)?publish(?P<assets>(?:\0[^\0-][^\0]*)*)")
"""The arguments that CDK Pipelines gives, separated by what no argument can have in it."""


def request(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return what is to be published; None for arguments that are the command's own business."""
    found = PUBLISH.fullmatch("\0".join(arguments))
    if found is None:
        return None
    assets = found["assets"].split("\0")[1:]
    return {"path": found["path"], "verbose": found["verbose"] is not None, "assets": assets}


def publish(asked: Mapping[str, Any], command: Path) -> int | None:
    """Print what publishing prints and return its exit status; None if it could not be done here."""
    folder = Path.cwd()
    connection = _connect(command)
    os.chdir(folder)
    if connection is None:
        return None
    with connection, connection.makefile("rw", encoding="utf-8") as stream:
        stream.write(json.dumps({**asked, "folder": str(folder), "environment": dict(os.environ)}) + "\n")
        stream.flush()
        for line in stream:
            message = json.loads(line)
            if "status" in message:
                return int(message["status"])
            for printer, printed in ((sys.stdout, message.get("out", "")), (sys.stderr, message.get("error", ""))):
                printer.write(printed)
                printer.flush()  # what both print goes to one log, in its order
    return None


def _connect(command: Path) -> socket.socket | None:
    os.chdir(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - the build's own, as the workspace sets it
    connection = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(OSError):
        connection.connect(SOCKET)
        return connection
    bundle = command.resolve().with_name("cdk-assets.js")
    program = Path(__file__).with_suffix(".cjs")
    started = subprocess.Popen(
        ["node", program, bundle, SOCKET], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if started.stdout is None or not started.stdout.readline():
        return None
    connection.connect(SOCKET)
    return connection


def main(command: str, arguments: Sequence[str]) -> None:
    """Publish, or become the command."""
    asked = request(arguments)
    status = publish(asked, Path(command)) if asked else None
    if status is None:
        os.execv(command, [command, *arguments])  # noqa: S606 - the command that PATH would name, without a shell
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3:])
