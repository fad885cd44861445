"""Databases with the tables of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mailgate.database import Database, open_database
from tests.database.tables import create_tables


@pytest.fixture
async def tables_url(database_url: str) -> str:
    """The URL of a database with the tables, on each engine in turn."""
    await create_tables(database_url)
    return database_url


@pytest.fixture
async def database(tables_url: str) -> AsyncIterator[Database]:
    """An open database with the tables, on each engine in turn."""
    opened = await open_database(tables_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    """An open SQLite database with the tables."""
    await create_tables(sqlite_url)
    opened = await open_database(sqlite_url, busy_timeout=0.2)
    yield opened
    await opened.close()


@pytest.fixture
async def postgresql(postgresql_url: str) -> AsyncIterator[Database]:
    """An open PostgreSQL database with the tables."""
    await create_tables(postgresql_url)
    opened = await open_database(postgresql_url, pool_size=4, statement_timeout=5)
    yield opened
    await opened.close()
