"""The migrations make exactly the tables that the code describes, on both engines."""

from __future__ import annotations

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from mailgate import migrations
from mailgate.database.open import async_engine


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, list(migrations.METADATA)))  # type: ignore[arg-type]  # several are taken


async def test_migrations_and_tables_agree(database_url: str) -> None:
    engine = async_engine(database_url)
    assert (await migrations.version(engine)).current is None
    await migrations.upgrade(engine)
    assert (await migrations.version(engine)).ready
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_many_starts_at_once_upgrade_once(postgresql_url: str) -> None:
    engines = [async_engine(postgresql_url) for _ in range(4)]
    await asyncio.gather(*(migrations.upgrade(engine) for engine in engines))
    assert (await migrations.version(engines[0])).ready
    for engine in engines:
        await engine.dispose()


async def test_a_failed_upgrade_leaves_nothing(database_url: str) -> None:
    engine = async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE sign_in_secret (other INTEGER)"))
    with pytest.raises(DBAPIError):
        await migrations.upgrade(engine)
    async with engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert tables == ["sign_in_secret"]
    await engine.dispose()
