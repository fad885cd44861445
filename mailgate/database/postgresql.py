"""PostgreSQL: units of work over a pool of asyncpg connections, with prepared statements."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from types import CodeType
from typing import Literal, TypeVar

import asyncpg

from mailgate.database.contract import Work
from mailgate.database.errors import DatabaseUnavailable
from mailgate.database.listeners import Listeners, Receive
from mailgate.database.postgresql_connection import (
    CONNECT_SECONDS,
    GAP,
    LOST,
    PostgresqlTx,
    SecondStatement,
    check_server,
    location,
    translated,
)
from mailgate.database.postgresql_listener import Listener
from mailgate.database.postgresql_notifier import Notifier
from mailgate.database.postgresql_pool import Pool
from mailgate.database.unit import code_of

T = TypeVar("T")

_ATTEMPTS = 8
_FIRST_PAUSE = 0.004  # seconds before a second attempt; doubled, and jittered, at each further one
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_DO_NOT_WAIT = "SET LOCAL synchronous_commit = off"
_LONE_WRITERS = 4  # connections for durable units of one statement, and for others: each takes a millisecond
_GRACE_SECONDS = 5.0  # beyond the server's own limit, before a silent server is given up
_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)


class _Lost(Exception):
    """The connection was lost before anything could be committed."""


class PostgresqlDatabase:
    """A `Database` on a PostgreSQL server."""

    engine: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, url: str, pool: Pool, lone: Pool, lone_durable: Pool) -> None:
        self._where = location(url)
        self._pool = pool
        self._lone = lone
        self._lone_durable = lone_durable
        self._many: set[CodeType | None] = set()
        self._listeners = Listeners()
        self._own_gap = GAP + secrets.token_hex(8)
        self._listener = Listener(url, self._listeners, self._own_gap)
        self._notifier = Notifier(url)

    @classmethod
    async def open(cls, url: str, *, pool_size: int, statement_timeout: float) -> PostgresqlDatabase:
        """Connect, and check that the server's settings will do.

        Raises:
            BadDatabaseUrl: the URL is wrong.
            DatabaseUnavailable: the server cannot be used; the text says why.
        """
        milliseconds = str(round(statement_timeout * 1000))
        settings = {
            "application_name": "mailgate",
            "statement_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
            "jit": "off",  # compiling costs more than any statement of ours
            # Each connection would plan a statement anew for its first five uses: longer than most of them run.
            "plan_cache_mode": "force_generic_plan",
        }
        connect = partial(
            asyncpg.connect,
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=statement_timeout + _GRACE_SECONDS,
            statement_cache_size=1024,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
        )
        # Read only, so that a lone statement of read() cannot write.
        many = partial(connect, server_settings={**settings, "default_transaction_read_only": "on"})
        lone = {**settings, "synchronous_commit": "off"}
        database = cls(
            url,
            Pool(many, size=pool_size, patience=statement_timeout),
            *(
                Pool(
                    partial(connect, server_settings=own),
                    size=min(_LONE_WRITERS, pool_size),
                    patience=statement_timeout,
                )
                for own in (lone, settings)
            ),
        )
        try:
            connection = await database._pool.take()
            try:
                await check_server(connection, database._where)
            finally:
                database._pool.give_back(connection)
        except Exception as error:
            await database.close()
            raise translated(error, database._where) from error
        return database

    async def read(self, work: Work[T], *, brief: bool = True) -> T:
        code = code_of(work)
        if code not in self._many:
            try:
                return await self._insist(self._read_single, work, self._pool)
            except SecondStatement:
                self._many.add(code)
        return await self._insist(self._read_snapshot, work, self._pool)

    async def write(self, work: Work[T], *, durable: bool = True, brief: bool = True) -> T:
        return await self._insist(self._write if durable else self._write_unsynced, work, self._pool)

    async def write_alone(self, work: Work[T], *, durable: bool = False) -> T:
        if durable:
            return await self._insist(self._write_once, work, self._lone_durable)
        return await self._insist(self._write_alone, work, self._lone)

    def listen(self, receive: Receive) -> Callable[[], None]:
        remove = self._listeners.add(receive)
        if self._listener.start():
            # A process that this one replaces may have been killed between a commit and its notification.
            self._notifier.publish([self._own_gap])
        return remove

    async def close(self) -> None:
        await self._listener.close()
        for pool in self._pools:
            await pool.close()
        await self._notifier.close()

    @property
    def _pools(self) -> tuple[Pool, ...]:
        return self._lone, self._lone_durable, self._pool

    async def _insist(self, run: Callable[[asyncpg.Connection, Work[T]], Awaitable[T]], work: Work[T], pool: Pool) -> T:
        """Run `work` by `run`: again after a conflict, and once more on a new connection if one was lost."""
        lost = False
        attempt = 0
        while True:
            try:
                connection = await pool.take()
                try:
                    return await run(connection, work)
                finally:
                    pool.give_back(connection)
            except _CONFLICTS as error:
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise DatabaseUnavailable(f"{self._where}: {attempt} attempts met a conflict: {error}") from error
                await asyncio.sleep(_FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 no secret
            except _Lost as error:
                if lost:
                    raise DatabaseUnavailable(f"{self._where} was lost: {error.__cause__}") from error
                lost = True
                self._expire()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                raise translated(error, self._where) from error

    async def _read_single(self, connection: asyncpg.Connection, work: Work[T]) -> T:
        tx = PostgresqlTx(connection, writes=False, single=True)
        try:
            result = await work(tx)
        except BaseException as error:
            if tx.needs_snapshot and isinstance(error, Exception):
                raise SecondStatement from None
            _raise_if_lost(error, connection)
            raise
        if tx.needs_snapshot:  # the unit took the exception for an answer
            raise SecondStatement
        return result

    async def _read_snapshot(self, connection: asyncpg.Connection, work: Work[T]) -> T:
        try:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            result = await work(PostgresqlTx(connection, writes=False))
            await connection.execute("COMMIT")
        except BaseException as error:
            await _roll_back(connection)
            _raise_if_lost(error, connection)
            raise
        return result

    async def _write_alone(self, connection: asyncpg.Connection, work: Work[T]) -> T:
        tx = PostgresqlTx(connection, writes=True, single=True)
        try:
            result = await work(tx)
        except SecondStatement as error:
            raise RuntimeError(f"{work!r} made more than the one statement that commits by itself") from error
        except BaseException as error:
            _raise_if_lost(error, connection)
            raise
        self._notifier.publish(tx.messages)
        return result

    async def _write_once(self, connection: asyncpg.Connection, work: Work[T]) -> T:
        try:
            return await self._write_alone(connection, work)
        except _Lost as error:
            self._expire()
            raise self._uncertain() from error.__cause__

    async def _write_unsynced(self, connection: asyncpg.Connection, work: Work[T]) -> T:
        return await self._write(connection, work, begin=f"{_BEGIN}; {_DO_NOT_WAIT}")

    async def _write(self, connection: asyncpg.Connection, work: Work[T], *, begin: str = _BEGIN) -> T:
        tx = PostgresqlTx(connection, writes=True)
        try:
            await connection.execute(begin)
            result = await work(tx)
        except BaseException as error:
            await _roll_back(connection)
            _raise_if_lost(error, connection)
            raise
        try:
            status = await connection.execute("COMMIT")
        except BaseException as error:
            await _roll_back(connection)
            if _is_lost(error, connection):
                raise self._uncertain() from error
            raise
        if status != "COMMIT":
            raise RuntimeError(f"{work!r} went on after an error of the database, so all of it was rolled back")
        self._notifier.publish(tx.messages)
        return result

    def _expire(self) -> None:
        for pool in self._pools:
            pool.expire()

    def _uncertain(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"{self._where} was lost while it committed: the change may or may not be there")


async def _roll_back(connection: asyncpg.Connection) -> None:
    if connection.is_closed():
        return
    try:
        # Always: of a BEGIN that was cancelled, the driver does not know yet that it happened.
        await connection.execute("ROLLBACK")
    except BaseException as error:
        connection.terminate()
        if not isinstance(error, Exception):
            raise


def _is_lost(error: BaseException, connection: asyncpg.Connection) -> bool:
    return isinstance(error, Exception) and (isinstance(error, LOST) or connection.is_closed())


def _raise_if_lost(error: BaseException, connection: asyncpg.Connection) -> None:
    if _is_lost(error, connection):
        raise _Lost from error
