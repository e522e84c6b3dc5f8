"""Stands before cdk-assets in a build: asks one process of the build to publish, instead of starting Node each time.

What it does not know the arguments of, or the process cannot do, the command does itself. (Run by the launcher that
npm.py makes, as `python3 asset_publisher.py COMMAND -- arguments`.) A build calls it for each stack of each stage, and
what it imports is most of what that costs: so neither `socket` nor `json` nor `re`.
"""

import _socket
import os
import sys
from collections.abc import Sequence

SOCKET = "cdk-assets.socket"
"""In the build's temporary folder, and bound there: a path to it may be longer than a socket's may be."""
VERBOSE = "--verbose"
PRINTED, STATUS = b"o", b"s"
"""What parts of an answer begin with, which end with a NUL: text for standard output, and the last one."""


def request(arguments: Sequence[str]) -> list[str] | None:
    """Return path, verbosity and assets of what is to be published; None for arguments that are the command's own."""
    match arguments:
        case ("--path", path, "--verbose", "publish", *assets):
            verbosity = VERBOSE
        case ("--path", path, "publish", *assets):
            verbosity = ""
        case _:
            return None
    is_known = path and all(each and not each.startswith("-") for each in assets)
    return [path, verbosity, *assets] if is_known else None


def publish(asked: Sequence[str], command: str) -> int | None:
    """Print what publishing prints and return its exit status; None if it could not be done here."""
    folder = os.getcwd()  # noqa: PTH109 - pathlib takes longer to import than all of this takes
    connection = _connect(command)
    os.chdir(folder)
    if connection is None:
        return None
    variables = [f"{name}={value}" for name, value in os.environ.items()]
    path, verbosity, *assets = asked
    connection.sendall(os.fsencode("\0".join([folder, path, verbosity, str(len(assets)), *assets, *variables])))
    connection.shutdown(_socket.SHUT_WR)
    return _print_answer(connection)


def _print_answer(connection: _socket.socket) -> int | None:
    rest = b""
    while more := connection.recv(1 << 16):
        *parts, rest = (rest + more).split(b"\0")
        for part in parts:
            kind, text = part[:1], part[1:]
            if kind == STATUS:
                return int(text) if text else None
            printer = (sys.stdout if kind == PRINTED else sys.stderr).buffer
            printer.write(text)
            printer.flush()  # what both print goes to one log, in its order
    return None


def _connect(command: str) -> _socket.socket | None:
    os.chdir(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - the build's own, as the workspace sets it
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(SOCKET)
    except OSError:
        if not _start(command):
            return None
        connection.connect(SOCKET)
    return connection


def _start(command: str) -> bool:
    """Start the build's process, and wait until it listens."""
    import subprocess  # noqa: PLC0415 - for the first call of a build alone
    from pathlib import Path  # noqa: PLC0415 - as above

    bundle = Path(command).resolve().with_name("cdk-assets.js")
    program = Path(__file__).with_suffix(".cjs")
    started = subprocess.Popen(
        ["node", program, bundle, SOCKET], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return started.stdout is not None and bool(started.stdout.readline())


def main(command: str, arguments: Sequence[str]) -> None:
    """Publish, or become the command."""
    asked = request(arguments)
    status = publish(asked, command) if asked else None
    if status is None:
        os.execv(command, [command, *arguments])  # noqa: S606 - the command that PATH would name, without a shell
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[3:])
