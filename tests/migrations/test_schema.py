"""The migrations make exactly the tables that the code describes, on both engines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

import mailgate.store.schema
from mailgate import migrations
from mailgate.database.open import async_engine
from mailgate.migrations.tables import METADATA
from mailgate.store.search import schema as search


def differences(connection: Connection) -> list[object]:
    """Tables of FTS5 are virtual, and not described."""
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, kind, _: kind != "table" or not name.startswith(search.FULL_TEXT_TABLES),
        },
    )
    own = {"postgresql": search.postgresql_metadata, "sqlite": search.sqlite_metadata}[connection.dialect.name]
    return list(compare_metadata(context, [*METADATA, own]))  # type: ignore[arg-type]  # several are taken


async def test_both_ways_make_the_same_index(sqlite_url: str, tmp_path: Path) -> None:
    made: list[list[str]] = []
    for url in (sqlite_url, f"sqlite:///{tmp_path / 'second.db'}"):
        engine = async_engine(url)
        if made:
            await migrations.upgrade(engine)
        async with engine.begin() as connection:
            if not made:
                await connection.run_sync(mailgate.store.schema.metadata.create_all)
            rows = await connection.execute(
                text("SELECT sql FROM sqlite_master WHERE name LIKE 'search%\\_index' ESCAPE '\\'")
            )
            made.append(sorted(row[0] for row in rows))
        await engine.dispose()
    assert made[0] == made[1]
    assert len(made[0]) == len(search.FULL_TEXT_TABLES)


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
