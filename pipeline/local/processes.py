"""Tells a process that we started from a stranger that was given its number, and who holds a port."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process, for ever: a number is given out again, but never for the same moment of the same boot."""

    pid: int
    started: str
    """Boot id and clock ticks since boot."""

    @property
    def is_running(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return _started(self.pid) == self.started


def process(pid: int) -> Process | None:
    """The process that has this number now, if any."""
    started = _started(pid)
    return Process(pid=pid, started=started) if started is not None else None


def children_of(parent: Process) -> list[Process]:
    """The processes that this one started, or that were left to it."""
    found = []
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        child = process(int(stat.parent.name)) if int(fields[1]) == parent.pid else None
        if child is not None:
            found.append(child)
    return found


def _started(pid: int) -> str | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name in front may hold anything, brackets too
    if fields[0] in {"Z", "X"}:
        return None
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{fields[19]}"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that listens on a port."""

    pid: int
    name: str
    command: tuple[str, ...]


def holder_of(port: int) -> Holder | None:
    """Who listens on a port, as far as this user may see it."""
    inodes = {
        fields[9]
        for table in ("tcp", "tcp6")
        if (PROC / "net" / table).exists()
        for fields in map(str.split, (PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in PROC.glob("[0-9]*/fd"):
        try:
            if wanted.intersection(str(link.readlink()) for link in folder.iterdir()):
                return _holder(folder.parent)
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
    return None


def _holder(folder: Path) -> Holder:
    name, command = ((folder / each).read_text(encoding="utf-8", errors="replace") for each in ("comm", "cmdline"))
    return Holder(pid=int(folder.name), name=name.strip(), command=tuple(command.split("\0")[:-1]))


def free_port() -> int:
    """Any port that is free now, for a cloud that nobody has to find by its number."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def send(target: Process, number: int) -> None:
    """Signal a process unless it is gone or somebody else by now."""
    if target.is_running:
        try:
            os.kill(target.pid, number)
        except ProcessLookupError:
            return
