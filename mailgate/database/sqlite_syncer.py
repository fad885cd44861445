"""The log of an SQLite file brought to the disk: one sync for all whose commits wait, beside those who write on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
        self._thread = ThreadPoolExecutor(1, "sqlite-syncer")
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
        self._thread.shutdown()
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _begin(self) -> None:
        calls, self._waiting = self._waiting, []
        self._running = self._loop.run_in_executor(self._thread, self._sync)
        self._running.add_done_callback(partial(self._end, calls))

    def _sync(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._failure = SyncFailed(str(error))
            raise self._failure from error

    def _end(self, calls: Sequence[OnDisk], sync: asyncio.Future[None]) -> None:
        error = sync.exception()
        self._running = None
        if self._waiting:
            self._begin()
        for call in calls:
            call(error if isinstance(error, SyncFailed) else None)
