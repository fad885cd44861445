"""Writes that do not wait for the disk: they commit or roll back like all others, and never hold up the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from mailgate.database import Database, Statement, Tx, open_database
from tests.database.tables import ADD, COUNT, Inbox, add, create_tables, ids

_MANY = Statement(
    text(
        "INSERT INTO letter (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
        "SELECT i FROM n"
    )
)


async def test_they_commit_publish_and_roll_back(database: Database) -> None:
    inbox = Inbox()
    database.listen(inbox.receive)
    if database.engine == "postgresql":
        assert await inbox.next() is None

    async def publish(tx: Tx) -> None:
        await add(tx, number=1)
        await tx.notify("one")

    async def fail(tx: Tx) -> None:
        await add(tx, number=2)
        await tx.notify("never")
        raise LookupError

    await database.write_alone(publish)
    assert await inbox.next() == "one"
    with pytest.raises(LookupError):
        await database.write(fail, durable=False)
    await database.write(partial(add, number=3), durable=False)
    assert await database.read(ids) == [1, 3]
    assert inbox.empty


async def test_they_mix_with_durable_writes(database: Database) -> None:
    alone = (database.write_alone, partial(database.write_alone, durable=True))
    ways = (database.write, partial(database.write, durable=False), *alone)
    await asyncio.gather(*(ways[number % 4](partial(add, number=number)) for number in range(300)))
    assert await database.read(ids) == list(range(300))


async def test_a_second_statement_of_its_own_is_refused_on_postgresql(postgresql: Database) -> None:
    async def two(tx: Tx) -> None:
        await tx.run(COUNT)
        await tx.run(ADD, id=2)

    for durable in (False, True):
        with pytest.raises(RuntimeError, match="more than the one statement"):
            await postgresql.write_alone(two, durable=durable)


async def test_a_long_one_leaves_the_event_loop_on_sqlite(sqlite: Database) -> None:
    threads: list[threading.Thread] = []

    async def work(tx: Tx) -> int:
        threads.append(threading.current_thread())
        return await tx.run(_MANY)

    assert await sqlite.write_alone(work) == 200_000
    assert [thread is threading.main_thread() for thread in threads] == [True, False]
    assert len(await sqlite.read(ids)) == 200_000


async def test_one_that_is_known_to_be_long_is_not_tried_in_the_event_loop_on_sqlite(sqlite: Database) -> None:
    async def where(_: Tx) -> int:
        return threading.get_ident()

    assert await sqlite.write_alone(where) == threading.get_ident()
    assert await sqlite.write(where, durable=False, brief=False) != threading.get_ident()


async def test_one_waits_in_the_thread_while_another_process_writes(sqlite_url: str) -> None:
    await create_tables(sqlite_url)
    database = await open_database(sqlite_url)
    other = sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///")), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO letter (id) VALUES (1)")

    waiting = asyncio.ensure_future(database.write_alone(partial(add, number=2)))
    await asyncio.sleep(0)
    assert not waiting.done()
    other.execute("COMMIT")

    await waiting
    assert await database.read(ids) == [1, 2]
    other.close()
    await database.close()


async def test_what_was_not_synced_is_soon_checkpointed_on_sqlite(sqlite_url: str) -> None:
    await create_tables(sqlite_url)
    database = await open_database(sqlite_url)
    await database.write_alone(partial(add, number=7))
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    copy = file.with_name("copy.db")
    async with asyncio.timeout(10):
        while True:  # the file alone, without its log, comes to hold what was written
            copy.write_bytes(file.read_bytes())
            with sqlite3.connect(copy) as alone:
                if alone.execute("SELECT id FROM letter").fetchall() == [(7,)]:
                    break
            await asyncio.sleep(0.05)
    await database.close()
