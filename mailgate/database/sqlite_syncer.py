"""The log of an SQLite file brought to the disk: one sync for all whose commits wait, beside those who write on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias


class SyncFailed(Exception):
    """Nobody knows whether what was written is on disk."""


OnDisk: TypeAlias = Callable[[SyncFailed | None], None]
"""Told that what was waited for is on disk, or why nobody knows whether it is."""


class Syncer:
    """Syncs the log when somebody waits for that, until `close`; one sync at a time, in a thread.

    After one that failed all fail: the system may have dropped what it could not write, and a later sync would not say
    so. When the file is opened anew, SQLite reads what the log really holds.
    """

    def __init__(self, path: Path) -> None:
        """`path` is that of the database."""
        self._log = path.with_name(f"{path.name}-wal")
        self._descriptor: int | None = None
        self._loop = asyncio.get_running_loop()
        # not an executor, which takes three times as long to hand over and back
        self._thread: threading.Thread | None = None
        self._wanted: queue.SimpleQueue[Sequence[OnDisk] | None] = queue.SimpleQueue()
        """Who waits for the next sync; None ends the thread."""
        self._waiting: list[OnDisk] = []
        self._running: asyncio.Future[None] | None = None
        self._failure: SyncFailed | None = None

    def when_on_disk(self, call: OnDisk) -> None:
        """Call back, in the event loop, once all that is committed by now is on disk."""
        self._waiting.append(call)
        if self._running is None:
            self._begin()

    async def close(self) -> None:
        """Let those who wait have their answer."""
        while self._running is not None:
            await asyncio.wait([self._running])
        if self._thread is not None:
            self._wanted.put(None)
            self._thread.join()
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._main, name="sqlite-syncer", daemon=True)
            self._thread.start()
        calls, self._waiting = self._waiting, []
        self._running = self._loop.create_future()
        self._wanted.put(calls)

    def _main(self) -> None:
        while (calls := self._wanted.get()) is not None:
            if self._failure is None:
                self._sync()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._end, calls)

    def _sync(self) -> None:
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._failure = SyncFailed(str(error))
            self._failure.__cause__ = error

    def _end(self, calls: Sequence[OnDisk]) -> None:
        failure = self._failure
        if self._running is not None:
            self._running.set_result(None)
        self._running = None
        if self._waiting:
            self._begin()
        for call in calls:
            call(failure)
