"""Runs the partner system beside other things, on a port of loopback."""

import asyncio
import threading
from concurrent.futures import Future
from typing import Self

from pipeline.local.cloud.partner.server import Partner


class Listener:
    """A partner that listens from `start` on, in a thread of its own."""

    def __init__(self, partner: Partner, *, port: int = 0) -> None:
        """`port` 0: any that is free."""
        self.partner = partner
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="partner", daemon=True)
        self._listening: Future[int] = Future()

    def start(self) -> Self:
        """Listen. Raises OSError if the port is taken."""
        self._thread.start()
        self.port = self._listening.result()
        return self

    def stop(self) -> None:
        """End every connection, and listen no longer."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = None
        try:
            server = self._loop.run_until_complete(asyncio.start_server(self.partner.serve, "127.0.0.1", self.port))
            self._listening.set_result(server.sockets[0].getsockname()[1])
        except OSError as error:
            self._listening.set_exception(error)
            return
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0.01))
            self._loop.close()
