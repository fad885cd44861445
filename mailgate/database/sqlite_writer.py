"""The one connection that writes an SQLite file, and its thread.

A short unit runs in the event loop itself while the thread is idle: in a thread each statement waits for the
interpreter twice. What else waits costs one transaction. Commits do not sync: who is to wait for the disk waits for a
sync of the log, which covers all commits before it; what need not is synced along with them, or by the next checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from mailgate.database.contract import Work
from mailgate.database.sqlite_connection import Connection, SqliteTx
from mailgate.database.sqlite_syncer import Syncer, SyncFailed
from mailgate.database.unit import run_without_waiting

Publish: TypeAlias = Callable[[str | None], None]

_GROUP_UNITS = 256
_GROUP_SECONDS = 0.02  # no unit joins a group after this, so that the first of it does not wait for long
_LOOK_SECONDS = 1.0  # how often an idle writer looks for the commits of other processes
_ALLOWANCE = 0.002  # seconds that a write may take from the event loop
_STEPS = 1000  # instructions of SQLite's machine between two looks at the clock
_CHECKPOINT = "PRAGMA wal_autocheckpoint = {:d}"
_BUSY = "PRAGMA busy_timeout = {:d}"
_NOT_NOW = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT})


class _Job:
    __slots__ = ("durable", "error", "future", "messages", "result", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any], *, durable: bool) -> None:
        self.work = work
        self.future = future
        self.durable = durable
        self.result: object = None
        self.error: BaseException | None = None
        self.messages: list[str] = []


class _NotNow(Exception):
    """A unit cannot run in the event loop: it takes too long, or another process writes."""


class _TransactionLost(Exception):
    """SQLite itself rolled the whole transaction back, as it may do when the disk is full."""


class Writer:
    """Runs units of work in groups, in the order of `run`, until `close`.

    After each commit `publish` is called in the event loop with each notification; with None for the commits of other
    processes, which SQLite announces without saying what they hold. `committed` is called after each, in any thread.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        translate: Callable[[BaseException], BaseException],
        publish: Publish,
        committed: Callable[[], None],
        syncer: Syncer,
    ) -> None:
        self._connect = connect
        self._syncer = syncer
        self._translate = translate
        self._publish = publish
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting: deque[_Job] = deque()
        self._connection: Connection
        self._using = threading.Lock()
        """Held by who uses the connection, the thread or the event loop."""
        self._unsettled = 0
        """Units handed to the thread that are not committed: none may overtake them."""
        self._in_thread = True
        self._lent = False
        self._patience = (0, 0)
        self._deadline = math.inf
        self._version = 0
        self._thread = threading.Thread(target=self._main, name="sqlite-writer", daemon=True)

    async def start(self) -> None:
        """Open the connection; raises what `connect` raises."""
        self._thread.start()
        await self._opened

    async def run(self, work: Work[Any], *, durable: bool = True, brief: bool = True) -> Any:  # noqa: ANN401 the caller knows the type
        """Run `work` at once if it is `brief` and nothing else runs, else in the next group; if it is `durable`, wait
        until it is on disk. Once begun it commits, even if the caller is cancelled meanwhile.
        """
        if self._closing:
            raise RuntimeError("the database is closed")
        job = _Job(work, self._loop.create_future(), durable=durable)
        here = brief and not self._unsettled
        self._unsettled += 1
        if here and self._run_here(job):
            self._settle([job])
        else:
            self._queue.put(job)
        return await job.future

    def lend(self, is_late: Callable[[], bool]) -> Connection | None:
        """The connection for a read in the event loop, as long as that takes and until `take_back`; None while it is
        used. What it has just written it need not read again, as every other connection must after a commit.

        `is_late` says whether to interrupt.
        """
        if not self._using.acquire(blocking=False):
            return None
        if self._in_thread:
            self._using.release()
            return None
        if not self._lent:
            self._lent = True
            self._connection.set_progress_handler(is_late, _STEPS)
        return self._connection

    def take_back(self) -> None:
        """A read has ended."""
        self._using.release()

    async def close(self) -> None:
        """Run what is queued, then close the connection."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        await asyncio.shield(self._closed)
        await self._syncer.close()

    def _main(self) -> None:
        try:
            self._connection = self._connect()
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._version = self._read_version()
            self._patience = self._read_patience()
        except Exception as error:
            self._in_loop(self._opened.set_exception, self._translate(error))
            return
        self._in_loop(self._opened.set_result, None)
        try:
            while self._take():
                with self._using:
                    if self._waiting:
                        self._commit(self._waiting)
                    else:
                        self._look_abroad()
        finally:
            with self._using:
                self._connection.close()
            self._in_loop(self._closed.set_result, None)

    def _take(self) -> bool:
        """Move what is queued to `_waiting`, sleeping a little when there is nothing; False at the end."""
        timeout = 0.0 if self._waiting else _LOOK_SECONDS
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._queue.get(timeout=timeout) if timeout else self._queue.get_nowait()
                if job is None:
                    with self._using:
                        while self._waiting:
                            self._commit(self._waiting)
                    return False
                self._waiting.append(job)
                timeout = 0.0
        return True

    def _commit(self, waiting: deque[_Job]) -> None:
        """Run units from the left of `waiting` in one transaction, and tell their callers."""
        group: list[_Job] = []
        try:
            self._prepare()
            self._connection.execute("BEGIN IMMEDIATE")
            self._look_abroad()
            deadline = time.monotonic() + _GROUP_SECONDS
            while waiting and len(group) < _GROUP_UNITS and not (group and time.monotonic() > deadline):
                group.append(job := waiting.popleft())
                if not job.future.cancelled():
                    self._run(job)
            self._connection.execute("COMMIT")
            self._committed()
        except Exception as error:
            self._recover(error, group, waiting)
        else:
            self._in_loop(self._settle, group)

    def _run(self, job: _Job) -> None:
        job.result = job.error = None
        job.messages.clear()
        connection = self._connection
        connection.execute("SAVEPOINT unit")
        try:
            job.result = run_without_waiting(job.work(SqliteTx(connection, job.messages)))
        except BaseException as error:
            if not connection.in_transaction:
                raise _TransactionLost from error
            job.error = error
            job.messages.clear()
            connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")

    def _recover(self, error: Exception, group: list[_Job], waiting: deque[_Job]) -> None:
        """After the loss of a transaction: each unit of its group alone, so that only the guilty one fails."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        if len(group) > 1:
            for job in group:
                self._commit(deque([job]))
            return
        failed = group or list(waiting)  # with no group, the transaction could not even begin
        if not group:
            waiting.clear()
        for job in failed:
            job.messages.clear()
            job.error = error.__cause__ if isinstance(error, _TransactionLost) else error
        self._in_loop(self._settle, failed)

    # In the event loop

    def _run_here(self, job: _Job) -> bool:
        """Run a unit in a transaction of its own, without ever waiting; whether that could be."""
        if not self._using.acquire(blocking=False):
            return False
        connection = self._connection
        try:
            self._prepare_here()
            self._deadline = time.monotonic() + _ALLOWANCE
            connection.execute("BEGIN IMMEDIATE")
            self._look_abroad()
            job.result = run_without_waiting(job.work(SqliteTx(connection, job.messages, self._expect_time)))
            self._deadline = math.inf
            connection.execute("COMMIT")
        except BaseException as error:
            self._deadline = math.inf
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            job.messages.clear()
            if isinstance(error, _NotNow) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_NOW:
                return False
            job.error = error
        else:
            self._committed()
        finally:
            self._using.release()
        return True

    def _expect_time(self) -> None:
        """Before each statement: one that moves megabytes makes few steps."""
        if self._is_late():
            raise _NotNow

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    # Settings of the connection: changed only when the way it is used changes

    def _read_patience(self) -> tuple[int, int]:
        """How long to wait for other processes (ms), and the length of the log at which to checkpoint (pages)."""
        (busy,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
        (pages,) = self._connection.execute("PRAGMA wal_autocheckpoint").fetchone()
        return busy, pages

    def _prepare(self) -> None:
        """For the thread, which may wait."""
        self._end_loan()
        if not self._in_thread:
            busy, pages = self._patience
            self._connection.execute(_BUSY.format(busy))
            self._connection.execute(_CHECKPOINT.format(pages))
            self._connection.set_progress_handler(None, 0)
            self._in_thread = True

    def _prepare_here(self) -> None:
        """For the event loop, which must not wait: neither for other processes nor for a checkpoint."""
        self._end_loan()
        if self._in_thread:
            self._connection.execute(_BUSY.format(0))
            self._connection.execute(_CHECKPOINT.format(0))
            self._connection.set_progress_handler(self._is_late, _STEPS)
            self._in_thread = False

    def _end_loan(self) -> None:
        if self._lent:
            self._connection.set_progress_handler(self._is_late, _STEPS)
            self._lent = False

    def _read_version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _look_abroad(self) -> None:
        version = self._read_version()
        if version != self._version:
            self._version = version
            self._in_loop(self._publish, None)

    def _settle(self, jobs: Sequence[_Job]) -> None:
        """Tell the callers of units that are committed or failed; those of durable ones once that is on disk."""
        self._unsettled -= len(jobs)
        durable = [job for job in jobs if job.durable and job.error is None]
        self._answer([job for job in jobs if not job.durable or job.error is not None])
        if durable:
            self._syncer.when_on_disk(partial(self._answer, durable))

    def _answer(self, jobs: Sequence[_Job], failure: SyncFailed | None = None) -> None:
        for job in jobs:
            if job.future.done():
                continue
            if (error := job.error or failure) is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(self._translate(error))
        for job in jobs:
            for message in dict.fromkeys(job.messages):
                self._loop.call_soon(self._publish, message)  # its callers go on before anybody whom this wakes

    def _in_loop(self, call: Callable[..., object], argument: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, argument)
