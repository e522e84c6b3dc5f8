"""Lets a task on the emulator's event loop sleep until there may be work, from whichever thread it comes."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

logger = logging.getLogger("penstock.eventsources")

PAUSE_AFTER_ERROR_SECONDS = 1.0


class Sleeper:
    """Runs a pass over the work each time that some may be there, and sleeps in between without polling.

    What runs on the event loop is never in the middle of a snapshot: what a pass changes is saved whole or not at all,
    and nothing counts as done before what a function did about it has been saved with it.
    """

    def __init__(self, visit: Callable[[float], float]) -> None:
        self.visit = visit
        """Does what is due at this moment, and says when something is due next."""
        self.loop: asyncio.AbstractEventLoop | None = None
        self.something = asyncio.Event()

    def begin(self) -> None:
        """Start; on the event loop."""
        self.loop = asyncio.get_running_loop()
        self.task = self.loop.create_task(self._run())

    def wake(self) -> None:
        """Say that there may be work; from any thread."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.something.set)

    async def _run(self) -> None:
        while True:
            self.something.clear()
            try:
                next_at = self.visit(time.time())
            except Exception:
                # Whatever it is, the other mappings must go on.
                logger.exception("A pass over the event sources failed")
                next_at = time.time() + PAUSE_AFTER_ERROR_SECONDS
            pause = next_at - time.time()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.something.wait(), None if pause == float("inf") else max(pause, 0.0))
