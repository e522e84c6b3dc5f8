"""Lets no process of the local cloud outlive it: no Lambda worker and no build, not even after a SIGKILL."""

import ctypes
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def detach() -> None:
    """Go on in a session of its own, as nobody's child; print the new process's number for whoever started this one."""
    detached = os.fork()
    if detached:
        sys.stdout.write(f"{detached}\n")
        sys.stdout.flush()
        os._exit(0)
    os.setsid()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def supervise(emulator_pid_file: Path, *, parent: int | None, clear_up: Callable[[], None]) -> None:
    """Fork; return in the child, which becomes the emulator, while the parent stays to clear up after it.

    `parent`: the process without which nobody wants this cloud; None if it lives until it is stopped. `clear_up`: what
    to do once no process of the cloud is left.

    Linux gives the orphans of a process to its nearest "subreaper". So whatever the emulator starts, in whatever
    session, becomes a child of the supervisor once the emulator is gone. The death signal of prctl alone would not do:
    it is sent when the *thread* that started the child ends, and the emulator starts workers from short-lived threads.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this kernel has no child subreaper")
    supervisor = os.getpid()
    emulator = os.fork()
    if emulator == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != supervisor:
            sys.exit(0)
        emulator_pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _passing_on_to(emulator))
    if parent is not None:
        threading.Thread(target=_kill_without, args=(parent, emulator), daemon=True).start()
    status = _wait_for(emulator)
    _kill_what_is_left()
    clear_up()
    os._exit(status)


def _passing_on_to(emulator: int) -> Callable[[int, FrameType | None], None]:
    def pass_on(number: int, frame: FrameType | None) -> None:
        del frame
        os.kill(emulator, number)

    return pass_on


def _kill_without(parent: int, emulator: int) -> None:
    """Wait until a process has ended, however, and kill the emulator then. A zombie has ended, too."""
    with suppress(ProcessLookupError):  # it ended before we looked
        select.select([os.pidfd_open(parent)], [], [])
    os.kill(emulator, signal.SIGKILL)


def _wait_for(emulator: int) -> int:
    """Reap every orphan that comes by until the emulator itself has ended."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == emulator:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _kill_what_is_left() -> None:
    """Killing a process hands us its children in turn, so go on until there are none."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    me = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_the_name = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if after_the_name[1] == me:
            found.append(int(stat.parent.name))
    return found
