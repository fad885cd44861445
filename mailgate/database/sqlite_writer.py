"""The one thread that writes an SQLite file: all that waits runs in one transaction and costs one sync of the disk."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from mailgate.database.contract import Work
from mailgate.database.sqlite_connection import SqliteTx
from mailgate.database.unit import run_without_waiting

Publish: TypeAlias = Callable[[str | None], None]

_GROUP_UNITS = 256
_GROUP_SECONDS = 0.02  # no unit joins a group after this, so that the first of it does not wait for long
_LOOK_SECONDS = 1.0  # how often an idle writer looks for the commits of other processes


class _Job:
    __slots__ = ("error", "future", "messages", "result", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: object = None
        self.error: BaseException | None = None
        self.messages: list[str] = []


class _TransactionLost(Exception):
    """SQLite itself rolled the whole transaction back, as it may do when the disk is full."""


class Writer:
    """Runs units of work in groups, in the order of `run`, until `close`.

    After each commit `publish` is called in the event loop with each notification; with None for the commits of other
    processes, which SQLite announces without saying what they hold.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        translate: Callable[[BaseException], BaseException],
        publish: Publish,
    ) -> None:
        self._connect = connect
        self._translate = translate
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting: deque[_Job] = deque()
        self._connection: sqlite3.Connection
        self._version = 0
        self._thread = threading.Thread(target=self._main, name="sqlite-writer", daemon=True)

    async def start(self) -> None:
        """Open the connection; raises what `connect` raises."""
        self._thread.start()
        await self._opened

    async def run(self, work: Work[Any]) -> Any:  # noqa: ANN401 the caller knows the type
        """Run `work` in the next group. Once begun it commits, even if the caller is cancelled meanwhile."""
        if self._closing:
            raise RuntimeError("the database is closed")
        job = _Job(work, self._loop.create_future())
        self._queue.put(job)
        return await job.future

    async def close(self) -> None:
        """Run what is queued, then close the connection."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        await asyncio.shield(self._closed)

    def _main(self) -> None:
        try:
            self._connection = self._connect()
            self._version = self._read_version()
        except Exception as error:
            self._in_loop(self._opened.set_exception, self._translate(error))
            return
        self._in_loop(self._opened.set_result, None)
        try:
            while self._take():
                if self._waiting:
                    self._commit(self._waiting)
                else:
                    self._look_abroad()
        finally:
            self._connection.close()
            self._in_loop(self._closed.set_result, None)

    def _take(self) -> bool:
        """Move what is queued to `_waiting`, sleeping a little when there is nothing; False at the end."""
        timeout = 0.0 if self._waiting else _LOOK_SECONDS
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._queue.get(timeout=timeout) if timeout else self._queue.get_nowait()
                if job is None:
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
            self._connection.execute("BEGIN IMMEDIATE")
            self._look_abroad()
            deadline = time.monotonic() + _GROUP_SECONDS
            while waiting and len(group) < _GROUP_UNITS and not (group and time.monotonic() > deadline):
                job = waiting.popleft()
                if not job.future.cancelled():
                    group.append(job)
                    self._run(job)
            self._connection.execute("COMMIT")
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

    def _read_version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _look_abroad(self) -> None:
        version = self._read_version()
        if version != self._version:
            self._version = version
            self._in_loop(self._publish, None)

    def _settle(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            for message in dict.fromkeys(job.messages):
                self._publish(message)
        for job in jobs:
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(self._translate(job.error))

    def _in_loop(self, call: Callable[..., object], argument: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, argument)
