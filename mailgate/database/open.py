"""From a database URL to an open database, or to a SQLAlchemy engine for migrations and batch work."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mailgate.database.contract import Database
from mailgate.database.errors import BadDatabaseUrl, DatabaseUnavailable
from mailgate.database.sqlite_connection import PRAGMAS

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection

_FORMS = "use sqlite:////absolute/path/mailgate.db or postgresql://user:password@host:5432/name"
_DRIVER = re.compile(r"^(postgres(?:ql)?|sqlite)\+[a-z0-9]+(?=:)")
_OLDEST_SQLITE = (3, 38, 0)  # the ->> operator
IMMEDIATE = "mailgate_immediate"
"""Execution option of a SQLAlchemy engine: transactions that will write, on SQLite, wait at their begin for who writes.
Else one that has read is refused ("locked") when it comes to write, should another have written meanwhile.
"""
BUSY_SECONDS = 30.0
"""The longest wait for another process that writes the SQLite file, unless told otherwise."""


async def open_database(
    url: str, *, pool_size: int = 10, statement_timeout: float = 60.0, busy_timeout: float = BUSY_SECONDS
) -> Database:
    """Open the database at `url`; its schema is not looked at.

    `pool_size` is the greatest number of PostgreSQL connections, `statement_timeout` (seconds) the longest that one
    statement may run there, `busy_timeout` (seconds) the longest wait for another process that writes the SQLite file.

    Raises:
        BadDatabaseUrl: the URL is of no known form.
        DatabaseUnavailable: the database cannot be opened.
    """
    url = _without_driver(url)
    parsed = _parse(url)
    # The driver of the other engine stays out: a command of a moment is half made of imports.
    if parsed.drivername == "sqlite":
        from mailgate.database.sqlite import SqliteDatabase  # noqa: PLC0415

        return await SqliteDatabase.open(_sqlite_path(parsed), busy_timeout=busy_timeout)
    from mailgate.database.postgresql import PostgresqlDatabase  # noqa: PLC0415

    return await PostgresqlDatabase.open(url, pool_size=pool_size, statement_timeout=statement_timeout)


def async_engine(url: str, *, busy_timeout: float = BUSY_SECONDS) -> AsyncEngine:
    """Give a SQLAlchemy engine on the same database, with the same settings; nothing is opened yet.

    Raises:
        BadDatabaseUrl: the URL is of no known form.
        DatabaseUnavailable: this Python's SQLite is too old, or the file's folder is missing. Connecting to a
            PostgreSQL server that cannot be used raises it too.
    """
    url = _without_driver(url)
    parsed = _parse(url)
    if parsed.drivername == "sqlite":
        path = _sqlite_path(parsed)
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(path)), connect_args={"timeout": busy_timeout}
        )
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
        return engine

    from mailgate.database.postgresql_connection import connect  # noqa: PLC0415

    async def creator(*_: object, **__: object) -> asyncpg.Connection:
        return await connect(url)

    return create_async_engine("postgresql+asyncpg://", async_creator=creator)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for PostgreSQL. Raises BadDatabaseUrl, DatabaseUnavailable."""
    parsed = _parse(_without_driver(url))
    return _sqlite_path(parsed) if parsed.drivername == "sqlite" else None


_BATCH_PRAGMAS: Final = (
    "PRAGMA temp_store = FILE",  # the temporary tables of an import grow with the academy; the file has no name
    "PRAGMA temp.cache_size = -65536",  # KiB
)


def _prepare(connection: AsyncAdapt_aiosqlite_connection, _: object) -> None:
    # Python's driver would commit before each CREATE TABLE: transactions are begun by `_begin` alone.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (*PRAGMAS, *_BATCH_PRAGMAS):
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _without_driver(url: str) -> str:
    """SQLAlchemy's form names a driver (`postgresql+asyncpg://`); here each engine has but one."""
    return _DRIVER.sub(r"\1", url)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise BadDatabaseUrl(f"the database URL cannot be read: {_FORMS}") from error
    if parsed.drivername == "postgres":
        parsed = parsed.set(drivername="postgresql")
    if parsed.drivername not in {"sqlite", "postgresql"}:
        raise BadDatabaseUrl(f"no support for {parsed.drivername!r} databases: {_FORMS}")
    if parsed.drivername == "postgresql" and not parsed.database:
        raise BadDatabaseUrl(f"the PostgreSQL URL names no database: {_FORMS}")
    return parsed


def _sqlite_path(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.host:
        raise BadDatabaseUrl(f"the SQLite URL names no file: {_FORMS} (an absolute path has four slashes)")
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise DatabaseUnavailable(
            f"SQLite {sqlite3.sqlite_version} is too old: "
            f"{'.'.join(map(str, _OLDEST_SQLITE))} or newer is needed, or use PostgreSQL"
        )
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise DatabaseUnavailable(f"the folder {path.parent} of the SQLite file does not exist: create it")
    return path
