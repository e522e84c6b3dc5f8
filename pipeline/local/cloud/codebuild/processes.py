"""Ends what a build has started, wherever it went: on AWS it all ends with the container."""

import contextlib
import os
import signal
import time
from pathlib import Path

SECONDS_TO_END = 3.0


def end_processes(marker: str, *, group: int | None = None) -> None:
    """End a process group, and every process that was started with an environment entry that begins with `marker`.

    They are asked to end first; a few seconds later they are killed.
    """
    if group is not None:
        _signal_group(group, signal.SIGTERM)
    kill_at = time.monotonic() + SECONDS_TO_END
    asked: set[int] = set()
    while found := _carriers(marker.encode()):
        over = time.monotonic() > kill_at
        for process in found if over else found - asked:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL if over else signal.SIGTERM)
        asked |= found
        time.sleep(0.005)
    if group is not None:
        _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _carriers(marker: bytes) -> set[int]:
    """Return the living processes with such an environment entry; none where there is no /proc."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(item.startswith(marker) for item in (entry / "environ").read_bytes().split(b"\0")):
                found.add(int(entry.name))
    return found
