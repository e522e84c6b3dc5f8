"""Warm sandboxes by function: reused while the function stays as it is, and given up when it changes."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.local.cloud.awslambda.sandbox import Sandbox

IDLE_SECONDS = 300.0
PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Version:
    """A function as it is now: a changed digest of its code and configuration means other sandboxes."""

    function_arn: str
    digest: str


@dataclass(kw_only=True)
class Pool:
    """Hands out sandboxes. A call gets one of its own, so that a handler which calls its own function cannot hang."""

    comfortable: int
    """How many sandboxes a function has before callers wait a moment for one to become free."""
    _idle: dict[Version, list[Sandbox]] = field(default_factory=dict)
    _count: dict[Version, int] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, version: Version, make: Callable[[], Sandbox]) -> Sandbox:
        """Return a free sandbox of this version, or a new one that has yet to be started."""
        with self._changed:
            doomed = self._sweep(version)
            self._changed.wait_for(
                lambda: self._idle.get(version) or self._count.get(version, 0) < self.comfortable, PATIENCE_SECONDS
            )
            idle = self._idle.get(version)
            found = idle.pop() if idle else None
            if found is None:
                self._count[version] = self._count.get(version, 0) + 1
        for sandbox in doomed:
            sandbox.close()
        if found is not None and found.alive:
            return found
        if found is not None:
            found.close()  # it was killed while it waited; its place is taken by the new one
        try:
            return make()
        except BaseException:
            self._gone(version)
            raise

    def give_back(self, version: Version, sandbox: Sandbox) -> None:
        """End of a call: what still works waits for the next one."""
        if not sandbox.alive:
            sandbox.close()
            self._gone(version)
            return
        with self._changed:
            self._idle.setdefault(version, []).append(sandbox)
            self._changed.notify()

    def _gone(self, version: Version) -> None:
        with self._changed:
            self._count[version] -= 1
            self._changed.notify()

    def _sweep(self, current: Version) -> list[Sandbox]:
        """Take out what waits for an earlier version of the function, or has waited too long for any."""
        doomed = []
        oldest = time.monotonic() - IDLE_SECONDS
        for version, sandboxes in list(self._idle.items()):
            replaced = version.function_arn == current.function_arn and version != current
            kept = [] if replaced else [sandbox for sandbox in sandboxes if sandbox.used >= oldest]
            removed = [sandbox for sandbox in sandboxes if sandbox not in kept]
            self._count[version] -= len(removed)
            doomed += removed
            if kept:
                self._idle[version] = kept
            else:
                del self._idle[version]
        return doomed
