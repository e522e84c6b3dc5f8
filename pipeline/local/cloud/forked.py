"""Runs a function in a copy of this process, which sees everything as it is at that moment and makes nobody wait.

The kernel shares the pages of both until one of them writes: a fork of the emulator takes some milliseconds, whatever
it holds. The copy has one thread, so nothing changes under its hands, and an interpreter lock of its own, so what it
computes slows no request down.
"""

import ctypes
import gc
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1
STANDARD_ERROR = 2
ANSWER = 3
"""The descriptor that a copy answers on: the first after the standard ones, which it keeps."""
CHUNK = 65536


class ForkError(Exception):
    """Why a copy gave no answer."""


@dataclass(frozen=True, kw_only=True)
class ForkedProcess:
    """A copy that is at work."""

    pid: int
    _answer: int

    def result(self, seconds: float) -> bytes:
        """Wait for the answer. A copy that takes longer is killed: what it copied may have held a lock for ever."""
        ends_at = time.monotonic() + seconds
        found = b""
        answers = select.poll()  # `select` takes no descriptor from 1,024 on, and each connection has one
        answers.register(self._answer, select.POLLIN)
        try:
            while True:
                if not answers.poll(max(0.0, ends_at - time.monotonic()) * 1000):
                    os.kill(self.pid, signal.SIGKILL)
                    raise ForkError(f"it took more than {seconds:.0f} s")
                chunk = os.read(self._answer, CHUNK)
                if not chunk:
                    return found
                found += chunk
        finally:
            os.close(self._answer)
            os.waitpid(self.pid, 0)


def fork(work: Callable[[], bytes]) -> ForkedProcess:
    """Begin `work` in a copy of this process; for its main thread.

    `work` may use what it finds and open what it likes; connections and files that are open here are closed there.
    """
    parent = os.getpid()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_the_copy(work, writer, parent)
    os.close(writer)
    return ForkedProcess(pid=pid, _answer=reader)


def _be_the_copy(work: Callable[[], bytes], writer: int, parent: int) -> NoReturn:
    status = 1
    try:
        gc.disable()  # what lives here ends with this process
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:  # else it has ended already, and sent no signal
            _keep_only(writer)
            answer = work()
            while answer:
                answer = answer[os.write(ANSWER, answer) :]
            status = 0
    except BaseException:  # noqa: BLE001 - it must not go on as the process that it is a copy of
        os.write(STANDARD_ERROR, traceback.format_exc().encode())
    finally:
        os._exit(status)  # nothing of what the process has registered for its end is this copy's business


def _keep_only(writer: int) -> None:
    """Close what others wait to see closed: connections of clients, pipes of builds."""
    if writer != ANSWER:
        os.dup2(writer, ANSWER)
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > ANSWER:
            with suppress(OSError):  # the one that listed them
                os.close(descriptor)
