"""Kills a local cloud as the kernel would when memory runs out."""

import os
import signal
import threading

from pipeline.local.lifecycle import LocalCloud


def kill(cloud: LocalCloud) -> None:
    """SIGKILL the emulator, and wait until its supervisor has cleared up."""
    os.kill(cloud.emulator_pid, signal.SIGKILL)
    pause = threading.Event()
    for _ in range(1500):
        if not cloud.is_running:
            return
        pause.wait(0.02)
    raise AssertionError("the supervisor still runs")
