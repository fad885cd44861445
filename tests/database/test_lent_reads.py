"""Short reads on SQLite have the writer's connection while nobody writes, and nothing of it is different."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from functools import partial

import pytest
from sqlalchemy import text

from mailgate.database import Database, Statement, Tx, open_database
from tests.database.tables import ADD, WAIT, Inbox, add, create_tables, ids

_MANY = Statement(
    text("WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 1000000) SELECT count(*) FROM up")
)


async def write_here(database: Database, number: int) -> None:
    """A write in the event loop: from then on reads there can have its connection."""
    await database.write(partial(add, number=number), durable=False)


async def write_in_thread(database: Database, number: int) -> None:
    await database.write(partial(add, number=number), durable=False, brief=False)


async def test_reads_and_writes_take_turns(sqlite: Database) -> None:
    for number in range(0, 8, 2):
        await write_here(sqlite, number)
        assert await sqlite.read(ids) == list(range(number + 1))
        await write_in_thread(sqlite, number + 1)
        assert await sqlite.read(ids) == list(range(number + 2))


async def test_such_a_read_cannot_write(sqlite: Database) -> None:
    await write_here(sqlite, 1)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="tried to write"):
            await sqlite.read(partial(add, number=2))
    await write_here(sqlite, 3)
    assert await sqlite.read(ids) == [1, 3]


async def test_such_a_read_that_takes_long_goes_to_a_thread(sqlite: Database) -> None:
    async def count(tx: Tx) -> list[int]:
        return [row[0] for row in await tx.all(_MANY)]

    await write_here(sqlite, 1)
    reading = asyncio.ensure_future(sqlite.read(count))
    await asyncio.sleep(0)
    assert not reading.done()
    await write_here(sqlite, 2)
    assert await reading == [1_000_000]
    assert await sqlite.read(ids) == [1, 2]


async def test_it_sees_and_hears_what_other_processes_commit(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    await create_tables(sqlite_url)
    database = await open_database(sqlite_url)
    inbox = Inbox()
    database.listen(inbox.receive)
    try:
        await write_here(database, 1)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("INSERT INTO letter (id) VALUES (2)")
        assert await database.read(ids) == [1, 2]
        async with asyncio.timeout(WAIT):
            assert await inbox.next() is None
    finally:
        await database.close()


async def test_it_does_not_see_what_is_not_committed(sqlite: Database) -> None:
    """While a unit is under way in the thread its connection is not lent."""
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def slow(tx: Tx) -> None:
        await tx.run(ADD, id=2)
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(WAIT)

    await write_here(sqlite, 1)
    writing = asyncio.ensure_future(sqlite.write(slow, durable=False, brief=False))
    await begun.wait()
    assert await sqlite.read(ids) == [1]
    go_on.set()
    await writing
    assert await sqlite.read(ids) == [1, 2]
