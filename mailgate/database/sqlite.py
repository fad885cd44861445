"""SQLite: one writer thread that groups units of work into commits, and readers that never wait for it.

Short reads run in the event loop itself, since handing one over to a thread costs ten times the read, on the writer's
connection while that is free: any other drops its pages after each commit. SQLite's progress handler stops a read that
outlives its allowance; it then starts afresh in a thread. So do short writes, when the writer
has nothing to do; the disk is waited for in another thread.
"""

from __future__ import annotations

import asyncio
import math
import queue
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Literal, TypeVar

from mailgate.database.contract import Work
from mailgate.database.listeners import Listeners, Receive
from mailgate.database.sqlite_checkpointer import Checkpointer
from mailgate.database.sqlite_connection import Connection, SqliteTx, connect, translated
from mailgate.database.sqlite_syncer import Syncer
from mailgate.database.sqlite_writer import Writer
from mailgate.database.unit import code_of, run_without_waiting

T = TypeVar("T")

_THREADS = 4
_ALLOWANCE = 0.002  # seconds that a read may take from the event loop
_STEPS = 1000  # instructions of SQLite's machine between two looks at the clock: about 0.2 ms of rows
_PATIENCE = 8, 256  # times that a slow unit goes to a thread before the event loop tries it again: first, and at most


_TRIED_TO_WRITE = "a unit of work given to read() tried to write"

_FAST = 0, 0  # what is known of a unit that is not slow


class _TooLong(Exception):
    """A read outlived its allowance in the event loop."""


class SqliteDatabase:
    """A `Database` on one file; other processes may use the file at the same time."""

    engine: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        self._path = path
        self._connect = partial(connect, path, busy_timeout=busy_timeout)
        self._listeners = Listeners()
        self._checkpointer = Checkpointer(self._connect)
        self._writer = Writer(
            self._connect,
            partial(translated, path=path),
            self._listeners.publish,
            self._checkpointer.committed,
            Syncer(path),
        )
        self._inline: Connection
        self._deadline = math.inf
        self._late = False
        self._slow: dict[CodeType | None, tuple[int, int]] = {}  # turns left in a thread, and how many there were
        self._threads = ThreadPoolExecutor(_THREADS, "sqlite-reader")
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, busy_timeout: float) -> SqliteDatabase:
        """Open the file, or make it.

        Raises:
            DatabaseUnavailable: it cannot be used; the text says why.
        """
        database = cls(path, busy_timeout=busy_timeout)
        await database._writer.start()
        database._checkpointer.start()
        database._inline = database._connect(read_only=True)
        database._inline.set_progress_handler(database._is_late, _STEPS)
        return database

    async def read(self, work: Work[T], *, brief: bool = True) -> T:
        if self._closed:
            raise RuntimeError("the database is closed")
        if not brief:
            return await self._read_beside(work)
        code = code_of(work)
        turns, patience = self._slow.get(code, _FAST)
        if turns:
            self._slow[code] = turns - 1, patience
        else:
            start, interrupted = time.monotonic(), False
            try:
                return self._read_inline(work, start + _ALLOWANCE)
            except _TooLong:
                interrupted = True
            finally:
                if interrupted or time.monotonic() > start + _ALLOWANCE:
                    # once may be the machine's fault: others had the processor during a short read
                    turns = 1 if interrupted or patience else 0
                    patience = min(max(2 * patience, _PATIENCE[0]), _PATIENCE[1])
                    self._slow[code] = turns * patience, patience
                elif patience:
                    del self._slow[code]
        return await self._read_beside(work)

    async def write(self, work: Work[T], *, durable: bool = True, brief: bool = True) -> T:
        result: T = await self._writer.run(work, durable=durable, brief=brief)
        return result

    async def write_alone(self, work: Work[T], *, durable: bool = False) -> T:
        result: T = await self._writer.run(work, durable=durable)
        return result

    def listen(self, receive: Receive) -> Callable[[], None]:
        return self._listeners.add(receive)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._checkpointer.close)
        await asyncio.to_thread(self._threads.shutdown)
        self._inline.close()
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _read_inline(self, work: Work[T], deadline: float) -> T:
        self._late = False
        lent = self._writer.lend(self._is_late)
        connection = self._inline if lent is None else lent
        changes = connection.total_changes
        try:
            result = self._snapshot(connection, work, deadline)
            # query_only would have the writer's statements compiled anew; once given back, others change rows on it
            wrote = connection.total_changes != changes
        except Exception:
            if self._late:
                raise _TooLong from None
            raise
        finally:
            if lent is not None:
                self._writer.take_back()
        if wrote:
            raise RuntimeError(_TRIED_TO_WRITE)
        if self._late:  # the unit took the interruption for an answer
            raise _TooLong
        return result

    def _is_late(self) -> bool:
        """Whether to interrupt: never what begins and ends the transaction, which has no deadline."""
        late = time.monotonic() > self._deadline
        self._late = self._late or late
        return late

    async def _read_beside(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_in_thread, work)

    def _read_in_thread(self, work: Work[T]) -> T:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect(read_only=True)
        try:
            return self._snapshot(connection, work)
        finally:
            self._idle.put(connection)

    def _snapshot(self, connection: Connection, work: Work[T], deadline: float | None = None) -> T:
        try:
            connection.execute("BEGIN")
            try:
                if deadline is not None:
                    self._deadline = deadline
                return run_without_waiting(work(SqliteTx(connection, None)))
            finally:
                if deadline is not None:
                    self._deadline = math.inf
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
                raise RuntimeError(_TRIED_TO_WRITE) from error
            raise translated(error, self._path) from error
