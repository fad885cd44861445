"""SQLAlchemy engines for migrations and batch work: opened, closed, and failing in this seam's own terms."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mailgate.database import sqlite_connection
from mailgate.database.errors import DatabaseUnavailable
from mailgate.database.open import BUSY_SECONDS, IMMEDIATE, async_engine, sqlite_file


@asynccontextmanager
async def batch_engine(url: str, *, create: bool = False) -> AsyncIterator[AsyncEngine]:
    """Give an engine, and dispose of it at the end.

    An SQLite file that does not exist is made (for its owner only) when `create` says so, and is an error otherwise:
    looking at a database must not make one, perhaps as another user than the one who will serve it.

    Raises:
        BadDatabaseUrl: the URL is of no known form.
        DatabaseUnavailable: the database cannot be reached or used; the text says why.
        ConstraintViolated: a constraint refused a change.
    """
    engine = async_engine(url)
    path = sqlite_file(url)
    try:
        if path is not None:
            _prepare_file(path, create=create)
        yield engine
    except (DBAPIError, sqlite3.Error) as error:
        raise _translated(error, url, path) from error
    finally:
        await engine.dispose()


@asynccontextmanager
async def batch_transaction(url: str) -> AsyncIterator[AsyncConnection]:
    """One transaction of batch work that reads before it writes, beside gateways that write too."""
    async with batch_engine(url) as engine, engine.execution_options(**{IMMEDIATE: True}).begin() as connection:
        yield connection


def _prepare_file(path: Path, *, create: bool) -> None:
    if create:
        sqlite_connection.connect(path, busy_timeout=BUSY_SECONDS).close()
    elif not path.exists():
        raise DatabaseUnavailable(f"there is no database {path} yet: `mailgate directory import` makes it")


def _translated(error: DBAPIError | sqlite3.Error, url: str, path: Path | None) -> BaseException:
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if path is None and cause is not None:
        cause = cause.__cause__  # SQLAlchemy's asyncpg adapter has exceptions of its own in between
    if cause is None:
        return error
    if path is not None:
        made = sqlite_connection.translated(cause, path)
    else:
        from mailgate.database import postgresql_connection  # noqa: PLC0415 - its driver, only where there is one

        made = postgresql_connection.translated(cause, postgresql_connection.location(url))
    return error if made is cause else made
