"""One PostgreSQL connection: transactions over it, and what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import asyncpg
from sqlalchemy.engine import make_url

from mailgate.database.contract import Row
from mailgate.database.errors import BadDatabaseUrl, ConstraintViolated, DatabaseUnavailable
from mailgate.database.unit import checked_payload

if TYPE_CHECKING:
    from mailgate.database.statement import Statement

CONNECT_SECONDS = 10.0
"""The longest wait for a server to answer at all."""
CHANNEL = "mailgate"
"""The channel of all notifications."""

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
"""Errors after which a connection is of no more use, closed or not yet."""

_OLDEST_SERVER = 13

_MEANINGS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (asyncpg.InvalidCatalogNameError, "{where}: this database does not exist: make it with createdb"),
    (asyncpg.InvalidAuthorizationSpecificationError, "{where} refuses the user or the password: {error}"),
    (asyncpg.TooManyConnectionsError, "{where} has no connection left: raise max_connections or lower the pool's size"),
    (asyncpg.DiskFullError, "the disk of {where} is full: free some space"),
    (asyncpg.QueryCanceledError, "{where} stopped a statement that took too long: {error}"),
    (asyncpg.OperatorInterventionError, "{where} is stopping or starting: {error}"),
    (asyncpg.InsufficientResourcesError, "{where} lacks resources: {error}"),
    (TimeoutError, "{where} does not answer: check the network and the server's load"),
    ((*LOST, OSError), "{where} cannot be reached: check that it runs, and its address and port ({error})"),
)


GAP = "?"
"""How a payload begins that tells all listeners that some may have been missed."""


class SecondStatement(Exception):
    """A unit that was run without a transaction has come to a second statement, and so needs one."""


class PostgresqlTx:
    """A transaction over a connection, or, if `single`, one statement that needs none."""

    __slots__ = ("_connection", "_single", "_statements", "_writes", "messages")

    engine: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, connection: asyncpg.Connection, *, writes: bool, single: bool = False) -> None:
        self._connection = connection
        self._writes = writes
        self._single = single
        self._statements = 0
        self.messages: list[str] = []
        """What is to be published once this has committed."""

    @property
    def needs_snapshot(self) -> bool:
        """Whether the unit went, or tried to go, beyond one statement."""
        return self._statements > 1

    async def all(self, statement: Statement, **parameters: object) -> list[Row]:
        sql, arguments = self._next(statement, parameters)
        rows: list[Row] = await self._connection.fetch(sql, *arguments)
        return rows

    async def one(self, statement: Statement, **parameters: object) -> Row | None:
        sql, arguments = self._next(statement, parameters)
        row: Row | None = await self._connection.fetchrow(sql, *arguments)
        return row

    async def run(self, statement: Statement, **parameters: object) -> int:
        sql, arguments = self._next(statement, parameters)
        status: str = await self._connection.execute(sql, *arguments)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def run_many(self, statement: Statement, parameters: Sequence[Mapping[str, object]]) -> None:
        plan = statement.plan("postgresql")
        self._count()
        await self._connection.executemany(plan.sql, [plan.arguments(mapping) for mapping in parameters])

    async def notify(self, payload: str) -> None:
        if not self._writes:
            raise RuntimeError("a unit of work given to read() tried to publish")
        self.messages.append(checked_payload(payload))

    def _next(self, statement: Statement, parameters: Mapping[str, object]) -> tuple[str, Sequence[Any]]:
        plan = statement.plan("postgresql")
        arguments = plan.arguments(parameters)
        self._count()
        return plan.sql, arguments

    def _count(self) -> None:
        self._statements += 1
        if self._single and self._statements > 1:
            raise SecondStatement


async def connect(url: str) -> asyncpg.Connection:
    """Connect with the server's own settings. Raises DatabaseUnavailable and its kin."""
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except Exception as error:
        raise translated(error, location(url)) from error


def location(url: str) -> str:
    """Give how to call the database at `url` in messages: without its password."""
    return f"PostgreSQL at {make_url(url).render_as_string(hide_password=True)}"


def translated(error: BaseException, where: str) -> BaseException:
    """Give the seam's own exception for an error of the driver, or `error` itself if it is a fault of the program."""
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        made: Exception = RuntimeError("a unit of work given to read() tried to write")
    elif isinstance(error, asyncpg.IntegrityConstraintViolationError):
        made = ConstraintViolated(str(error))
    elif isinstance(error, asyncpg.ClientConfigurationError):
        made = BadDatabaseUrl(f"{where}: {error}")
    else:
        meaning = next((text for kind, text in _MEANINGS if isinstance(error, kind)), None)
        if meaning is None:
            return error
        made = DatabaseUnavailable(meaning.format(where=where, error=str(error) or type(error).__name__))
    made.__cause__ = error
    return made


async def check_server(connection: asyncpg.Connection, where: str) -> None:
    """Look at the settings that mailgate stands on.

    Raises:
        DatabaseUnavailable: the server is too old, or the database is not in UTF-8.
    """
    version, encoding, commit = await connection.fetchrow(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
        "current_setting('synchronous_commit')"
    )
    if version // 10_000 < _OLDEST_SERVER:
        raise DatabaseUnavailable(f"{where} is version {version // 10_000}: {_OLDEST_SERVER} or newer is needed")
    if encoding != "UTF8":
        raise DatabaseUnavailable(
            f"{where} is encoded in {encoding}: make it with createdb --encoding=UTF8 -T template0"
        )
    if commit == "off":
        raise DatabaseUnavailable(f"{where} has synchronous_commit = off, which loses mail: set it to on")
