"""Reads see one consistent snapshot, cannot write, and never hold up the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import bindparam, text

from mailgate.database import Database, Statement, Tx
from mailgate.database.sqlite import SqliteDatabase
from mailgate.database.sqlite_connection import SqliteTx, connect
from tests.database.tables import ADD, COUNT, WAIT, add, ids

_COUNT_UP = Statement(
    text("WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < :many) SELECT count(*) FROM up")
)

_UP = Statement(
    text(
        "WITH RECURSIVE up(n) AS (SELECT :beginning UNION ALL SELECT n + 1 FROM up WHERE n < 1000000) "
        "SELECT n FROM up WHERE n % 999999 < 3"
    )
)
Read: TypeAlias = Callable[..., Awaitable[object]]


async def test_a_read_on_postgresql_sees_one_snapshot(postgresql: Database) -> None:
    async def work(tx: Tx) -> list[int]:
        before = await tx.one(COUNT)
        await postgresql.write(lambda tx: tx.run(ADD, id=await_id.pop()))
        after = await tx.one(COUNT)
        assert before is not None
        assert after is not None
        return [before[0], after[0]]

    await_id = [1, 2]  # one more than needed: the first, without a transaction, may be run again
    counts = await postgresql.read(work)

    assert counts[0] == counts[1]


async def test_a_read_on_sqlite_sees_one_snapshot_while_others_write(sqlite: Database) -> None:
    async def twice(tx: Tx) -> tuple[list[int], int, list[int]]:
        first = await ids(tx)
        row = await tx.one(_COUNT_UP, many=300_000)
        assert row is not None
        return first, row[0], await ids(tx)

    reading = asyncio.ensure_future(sqlite.read(twice))
    written = 0
    while not reading.done():
        await sqlite.write(partial(add, number=written))
        written += 1
    first, counted, second = await reading

    assert written > 1
    assert counted == 300_000
    assert first == second


async def test_a_long_read_leaves_the_event_loop_free(sqlite: Database) -> None:
    async def count(tx: Tx) -> int:
        row = await tx.one(_COUNT_UP, many=3_000_000)
        assert row is not None
        value: int = row[0]
        return value

    start = time.monotonic()
    reading = asyncio.ensure_future(sqlite.read(count))
    await asyncio.sleep(0)
    held_up = time.monotonic() - start

    assert not reading.done()
    assert await asyncio.wait_for(reading, WAIT * 3) == 3_000_000
    assert held_up < (time.monotonic() - start) / 4


async def test_a_short_read_is_over_before_the_event_loop_turns(sqlite: Database) -> None:
    task = asyncio.ensure_future(sqlite.read(lambda tx: tx.one(COUNT)))
    await asyncio.sleep(0)
    assert task.done()
    row = await task
    assert row is not None
    assert row[0] == 0


async def test_a_unit_that_was_slow_goes_to_a_thread_for_a_while(sqlite: Database) -> None:
    assert isinstance(sqlite, SqliteDatabase)
    many = 3_000_000

    async def count(tx: Tx) -> int:
        row = await tx.one(_COUNT_UP, many=many)
        assert row is not None
        value: int = row[0]
        return value

    await sqlite.read(count)
    many = 1
    task = asyncio.ensure_future(sqlite.read(count))
    await asyncio.sleep(0)

    assert not task.done()
    assert await task == 1


async def test_a_short_unit_that_was_held_up_once_goes_to_no_thread(sqlite: Database) -> None:
    held_up = True

    async def count(tx: Tx) -> int:
        if held_up:
            time.sleep(0.01)  # noqa: ASYNC251 - as when others have the processor
        return len(await tx.all(COUNT))

    async def is_over_at_once() -> bool:
        task = asyncio.ensure_future(sqlite.read(count))
        await asyncio.sleep(0)
        done = task.done()
        assert await task == 1
        return done

    assert await is_over_at_once()
    assert await is_over_at_once()
    assert not await is_over_at_once()
    held_up = False
    while not await is_over_at_once():
        pass
    held_up = True
    assert await is_over_at_once()
    held_up = False
    assert await is_over_at_once()


@pytest.mark.parametrize("statements", [1, 2])
async def test_a_read_cannot_write(database: Database, statements: int) -> None:
    async def work(tx: Tx) -> None:
        for number in range(statements):
            await tx.run(ADD, id=number)

    with pytest.raises(RuntimeError, match="tried to write"):
        await database.read(work)
    assert await database.read(ids) == []


async def test_a_read_cannot_publish(database: Database) -> None:
    with pytest.raises(RuntimeError, match="tried to publish"):
        await database.read(lambda tx: tx.notify("1"))


async def test_a_read_that_takes_every_exception_for_an_answer_still_gets_its_snapshot(postgresql: Database) -> None:
    async def work(tx: Tx) -> int:
        await tx.one(COUNT)
        try:
            await tx.one(COUNT)
        except Exception:  # the fault under test
            return 0
        return 2

    assert await postgresql.read(work) == 2


async def test_an_error_in_a_read_reaches_the_caller_and_harms_nothing(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await tx.one(COUNT)
        raise LookupError("gone")

    for _ in range(12):
        with pytest.raises(LookupError, match="gone"):
            await database.read(work)
    assert await database.read(ids) == []


async def test_many_reads_at_once_wait_for_a_connection(postgresql: Database) -> None:
    sleep = Statement(text("SELECT pg_sleep(:seconds), :number").bindparams(bindparam("number", 1)))
    start = time.monotonic()
    rows = await asyncio.gather(*(postgresql.read(lambda tx: tx.one(sleep, seconds=0.01)) for _ in range(20)))
    assert len(rows) == 20
    assert time.monotonic() - start >= 0.05


@pytest.mark.parametrize("read", [SqliteTx.all, SqliteTx.run])
async def test_a_statement_that_was_interrupted_is_not_compiled_at_each_call(tmp_path: Path, read: Read) -> None:
    with closing(connect(tmp_path / "database", busy_timeout=1)) as connection:
        tx = SqliteTx(connection, None)
        for turn in range(3):
            connection.set_progress_handler(lambda: True, 100_000)
            with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                await read(tx, _UP, beginning=turn)
            connection.set_progress_handler(None, 0)
            for _ in range(5):
                assert await tx.one(_UP, beginning=999_999) == (999_999,)
        text = "SELECT max(run) FROM sqlite_stmt WHERE sql LIKE 'WITH RECURSIVE up%'"
        (runs,) = connection.execute(text).fetchone()
        assert runs >= 5
