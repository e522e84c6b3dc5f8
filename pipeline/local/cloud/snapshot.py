"""Saves the local cloud's whole state at one moment, so that it comes back from a kill as it was at that moment."""

import asyncio
import copy
import json
import logging
import math
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import ministack.app as ministack_app
from ministack.services import lambda_svc, sts

from pipeline.local.cloud.emulator import Emulator
from pipeline.local.cloud.forked import ForkedProcess, ForkError, fork
from pipeline.local.cloud.snapshot_store import SnapshotError, SnapshotStore, StoredSnapshot

logger = logging.getLogger("penstock.snapshot")

Value = TypeVar("Value")

PERIOD_SECONDS = 5.0
RESTS = 9
"""After a snapshot, as many times as long as it took: a tenth of a processor is what they may take of a run."""
LONGEST_SECONDS = 60.0
UNDISTURBED_SECONDS = 0.1
OUR_STORES = "penstock"
READING = ("Get", "List", "Describe", "Query", "Scan", "BatchGet", "Head", "Lookup", "Filter", "Poll", "Validate")
"""Operations that change nothing. Whatever is not recognised as one makes a snapshot due, which costs little."""


@dataclass(kw_only=True)
class Snapshots:
    """Takes snapshots of a running emulator, and restores the last one when it starts."""

    emulator: Emulator
    store: SnapshotStore
    objects: Path
    """Where the emulator keeps S3 objects: it replaces files there and never writes into one, so links are copies."""
    restored: StoredSnapshot | None
    """What the last run left; its objects are in place already, as S3 reads them when it is imported."""
    loop: asyncio.AbstractEventLoop | None = None
    changed: bool = False
    action_ended: bool = False
    """Whether an action has ended whose snapshot was left to the next periodic one."""
    linked: frozenset[tuple[str, int]] | None = None
    """The object files that the last snapshot has."""
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    has_all_before: float = -math.inf
    """The moment at which the last good snapshot began."""
    rested_at: float = -math.inf
    """The moment from which on there is another one that nobody asks for by name."""

    def install(self) -> None:
        """Take the place of the emulator's own persistence, which writes one service after the other, at the end."""
        ministack_app.PERSIST_STATE = True
        ministack_app._load_persisted_state = self._at_start  # noqa: SLF001 - the emulator offers no other seam
        ministack_app.save_all = lambda _services: None  # `at_stop` saves
        # A function's package belongs to the snapshot, not to a folder that forgets what an older one needs.
        lambda_svc._externalize_code_zip = lambda _function, _referenced: None  # noqa: SLF001 - as above
        lambda_svc._prune_orphan_code_blobs = lambda _referenced: None  # noqa: SLF001 - as above
        # Sessions outlive a restart on AWS; without them, their keys would mean no account.
        sts.get_state = lambda: {"sessions": copy.deepcopy(sts._sessions)}  # noqa: SLF001 - as above
        sts.load_persisted_state = lambda state: sts._sessions.update(state["sessions"])  # noqa: SLF001 - as above
        self.emulator.after_action.append(self._after_action)

    def note(self, method: str, path: str, target: str) -> None:
        """Look at a request: whatever does not plainly only read may have changed something."""
        reads = method in {"GET", "HEAD", "OPTIONS"} or target.rpartition(".")[2].startswith(READING)
        reads = reads or path.endswith("/_search")
        if not reads and not path.startswith("/_ministack/"):
            self.changed = True

    def take(self, reason: str) -> str | None:
        """Take a snapshot now; returns once it is safe on disk, or says why it failed.

        For worker threads: the process is copied on the event loop, between two requests, and the copy writes.
        """
        if self.loop is None:
            raise RuntimeError("a snapshot needs a running emulator")
        asked = time.perf_counter()
        with self.one_at_a_time:
            if self.has_all_before > asked:
                return None  # actions that end together wait for one snapshot, and for no other after it
            began = time.perf_counter()
            self.changed = self.action_ended = False
            try:
                begun = asyncio.run_coroutine_threadsafe(self._begin(), self.loop).result()
                written = _written(begun.writer)
                for tell in self.emulator.after_snapshot:
                    tell()
            except (SnapshotError, OSError) as error:
                self.changed = True
                self.linked = None
                logger.error("No snapshot after %s: %s. The one before it stays.", reason, error)
                return str(error)
            self.has_all_before = began
            took = time.perf_counter() - began
            self.rested_at = began + (1 + RESTS) * took
        if written:
            logger.info("Snapshot after %s: %.0f ms (requests waited %.0f)", reason, took * 1e3, begun.pause * 1e3)
        return None

    async def at_stop(self) -> None:
        """Take the last snapshot, while everything still runs."""
        await asyncio.to_thread(self.take, "the request to stop")

    async def keep_taking(self) -> None:
        """While requests change things, take a snapshot every few seconds, and one more once all is quiet again:
        what a request started may finish after it was answered.
        """
        settled = True
        while True:
            await asyncio.sleep(max(PERIOD_SECONDS, self.rested_at - time.perf_counter()))
            due = self.changed
            if due or not settled:
                await asyncio.to_thread(self.take, "a finished action" if self.action_ended else "changes")
                settled = not due

    def _after_action(self) -> None:
        """Take one; soon after another, the next periodic one has what the action did."""
        if time.perf_counter() < self.rested_at:
            self.changed = self.action_ended = True
            return
        self.take("a finished action")

    def _at_start(self) -> None:
        self.loop = asyncio.get_running_loop()
        if self.restored is not None:
            modules: dict[str, str] = ministack_app._state_map  # noqa: SLF001 - as above
            for name, state in self.restored.states.items():
                if name == OUR_STORES:
                    for store, saved in state.items():
                        self.emulator.store(store).update(saved)
                else:
                    ministack_app._get_module(modules[name]).load_persisted_state(state)  # noqa: SLF001 - as above
            logger.info("Restored snapshot %d", self.restored.number)
            self.restored = None
        for begin in self.emulator.at_start:
            begin()

    async def _begin(self) -> "_Begun":
        """Link every object file and copy the process, with nothing else running meanwhile."""
        began = time.perf_counter()
        with _undisturbed():
            for prepare in self.emulator.before_snapshot:
                prepare()
            objects = self._link_objects()
            writer = fork(lambda: self._write(objects))
        return _Begun(writer=writer, pause=time.perf_counter() - began)

    def _write(self, objects: Path | None) -> bytes:
        """Write everything as it is, in a copy of the process; what it answers is for `_written`."""
        try:
            return json.dumps({"written": self.store.write(self._states(), objects)}).encode()
        except (SnapshotError, OSError) as error:
            return json.dumps({"error": str(error)}).encode()

    def _states(self) -> dict[str, Any]:
        # Services copy what they hold, lest it changes while it is written. Nothing changes in a copy of the process.
        copy.deepcopy = _itself
        services: dict[str, Callable[[], Any]] = ministack_app._build_persistence_save_dict()  # noqa: SLF001 - as above
        states = {name: get_state() for name, get_state in services.items()}
        states[OUR_STORES] = dict(self.emulator.stores)
        # None is what a module says that could not be imported: it has no state.
        return {name: state for name, state in states.items() if state is not None}

    def _link_objects(self) -> Path | None:
        files = frozenset(_files(self.objects, ""))
        if files == self.linked:
            return None
        links = self.store.folder / "objects.new"
        shutil.rmtree(links, ignore_errors=True)
        links.mkdir(parents=True)
        for relative, _inode in files:
            target = links / relative
            try:
                os.link(self.objects / relative, target)
            except FileNotFoundError:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(self.objects / relative, target)
        self.linked = files
        return links


def _itself(x: Value, memo: dict[int, Any] | None = None, _nil: Any = None) -> Value:
    """Take the place of `copy.deepcopy`."""
    del memo, _nil
    return x


@dataclass(frozen=True, kw_only=True)
class _Begun:
    writer: ForkedProcess
    pause: float


def _written(writer: ForkedProcess) -> bool:
    """Wait until a snapshot is safe on disk; False when nothing differed from the last one."""
    try:
        answer = json.loads(writer.result(LONGEST_SECONDS) or b'{"error": "what should write it has ended"}')
    except ForkError as error:
        raise SnapshotError(str(error)) from error
    if "error" in answer:
        raise SnapshotError(answer["error"])
    return bool(answer["written"])


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.inode()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ask Python not to switch threads for a while: what runs on other threads changes state too.

    No longer than a snapshot takes: a busy thread that gets in first keeps this one waiting for just as long.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(UNDISTURBED_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
