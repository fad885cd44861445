"""The demo academy with its accounts, in a database of each engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection

from directory.readers.aaf import read_aaf
from mailgate import migrations
from mailgate.database import Database, open_database
from mailgate.database.batch import batch_engine
from mailgate.directory_import import Provisioning, import_and_provision
from tests.directory.academy import AAF, DEMO, SETTINGS
from tests.support.postgresql import PostgresqlServer


def _fill(connection: Connection) -> None:
    migrations.upgrade_within(connection)
    import_and_provision(connection, [(AAF, read_aaf(DEMO))], SETTINGS, Provisioning())


async def _make(url: str) -> None:
    async with batch_engine(url, create=True) as engine, engine.begin() as connection:
        await connection.run_sync(_fill)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def academy_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer
) -> str:
    """A database that a module's tests share; they leave it as it was."""
    if request.param == "postgresql":
        url = postgresql_server.create_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('academy') / 'mailgate.db'}"
    asyncio.run(_make(url))
    return url


@pytest.fixture
async def academy(academy_url: str) -> AsyncIterator[Database]:
    """The academy."""
    opened = await open_database(academy_url)
    yield opened
    await opened.close()
