"""A unit of work was cancelled while PostgreSQL was asked to begin its transaction.

The connection went back to the pool, and the transaction began after all: whoever read on it next saw the mailbox as it
was then, for ever, and the first to write on it failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from mailgate.database import Database, Tx, open_database
from tests.database.tables import ADD, create_tables, ids


async def two_looks(tx: Tx) -> list[int]:
    await ids(tx)
    return await ids(tx)


@pytest.fixture
async def lone(database_url: str) -> AsyncIterator[Database]:
    """A database with a pool of one connection."""
    await create_tables(database_url)
    opened = await open_database(database_url, pool_size=1)
    yield opened
    await opened.close()


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_the_next_reader_sees_what_was_committed(lone: Database, database: Database, kind: str) -> None:
    run = lone.read if kind == "read" else lone.write
    await run(two_looks)
    cancelled = asyncio.ensure_future(run(two_looks))
    await asyncio.sleep(0)
    cancelled.cancel()
    with suppress(asyncio.CancelledError):
        await cancelled
    await lone.read(ids)
    await database.write(lambda tx: tx.run(ADD, id=1))
    assert await lone.read(ids) == [1]
    await lone.write(lambda tx: tx.run(ADD, id=2))
    assert await database.read(ids) == [1, 2]
