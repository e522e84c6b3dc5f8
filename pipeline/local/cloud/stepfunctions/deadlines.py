"""Ends executions whose time is over: one thread waits for them all."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Deadlines:
    """Calls each given function once its seconds have passed."""

    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def add(self, seconds: float, expire: Callable[[], None]) -> None:
        """Call `expire` after so many seconds, on another thread; it must return soon."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), expire))
            if self._thread is None:
                self._thread = threading.Thread(target=self._wait, name="execution-deadlines", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _wait(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._changed.wait(max(0.0, self._due[0][0] - time.monotonic()) if self._due else None)
                _, _, expire = heapq.heappop(self._due)
            expire()
