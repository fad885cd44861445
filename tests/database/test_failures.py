"""Conflicts are tried again, lost connections made anew, and what cannot be mended is told in plain words."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from functools import partial

import asyncpg
import pytest
from sqlalchemy import text

from mailgate.database import Database, DatabaseUnavailable, Statement, Tx, open_database, postgresql_pool
from mailgate.database.postgresql_pool import Pool
from tests.database.tables import ADD, BUMP, COUNT, COUNTERS, NEW_COUNTER, WAIT, add, ids

_SLEEP = Statement(text("SELECT pg_sleep(60)"))
_END_SELF = Statement(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def test_units_that_deadlock_both_succeed(postgresql: Database) -> None:
    await postgresql.write(
        lambda tx: tx.run_many(NEW_COUNTER, [{"name": name, "value": 0} for name in ("left", "right")])
    )
    both_hold_one = asyncio.Barrier(2)
    attempts = 0

    async def bump(tx: Tx, order: tuple[str, str]) -> None:
        nonlocal attempts
        attempts += 1
        await tx.run(BUMP, which=order[0])
        if attempts <= 2:
            await both_hold_one.wait()
        await tx.run(BUMP, which=order[1])

    async with asyncio.timeout(WAIT):
        await asyncio.gather(
            postgresql.write(partial(bump, order=("left", "right"))),
            postgresql.write(partial(bump, order=("right", "left"))),
        )

    assert attempts in {3, 4}  # who both wait for a second may both be ended
    rows = await postgresql.read(lambda tx: tx.all(COUNTERS))
    assert [row[0] for row in rows] == [2, 2]


async def test_conflicts_without_end_are_given_up(postgresql: Database) -> None:
    attempts = 0

    async def work(tx: Tx) -> None:
        nonlocal attempts
        attempts += 1
        await tx.run(ADD, id=attempts)
        raise asyncpg.SerializationError("again")

    with pytest.raises(DatabaseUnavailable, match="met a conflict"):
        await postgresql.write(work)
    assert 3 < attempts < 20
    assert await postgresql.read(ids) == []


async def test_dead_pooled_connections_are_replaced(postgresql: Database, postgresql_url: str) -> None:
    await asyncio.gather(*(postgresql.write(partial(add, number=n)) for n in range(4)))
    administrator = await asyncpg.connect(postgresql_url)
    await administrator.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'mailgate' AND datname = current_database()"
    )
    await administrator.close()

    await asyncio.gather(*(postgresql.write(partial(add, number=n)) for n in range(4, 8)))
    assert await postgresql.read(ids) == list(range(8))


@pytest.mark.parametrize("losses", [1, 2])
async def test_a_connection_lost_in_a_unit_is_made_anew_once(postgresql: Database, losses: int) -> None:
    left = losses

    async def work(tx: Tx) -> None:
        nonlocal left
        await tx.run(ADD, id=1)
        if left:
            left -= 1
            await tx.one(_END_SELF)

    if losses == 1:
        await postgresql.write(work)
        assert await postgresql.read(ids) == [1]
    else:
        with pytest.raises(DatabaseUnavailable, match="was lost"):
            await postgresql.write(work)
        assert await postgresql.read(ids) == []


@pytest.mark.parametrize("alone", [False, True])
async def test_a_connection_lost_in_commit_is_not_tried_again(
    postgresql: Database, postgresql_url: str, *, alone: bool
) -> None:
    administrator = await asyncpg.connect(postgresql_url)
    await administrator.execute("""
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER die AFTER INSERT ON letter DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die();
    """)
    await administrator.close()

    write = partial(postgresql.write_alone, durable=True) if alone else postgresql.write
    with pytest.raises(DatabaseUnavailable, match="may or may not be there"):
        await write(partial(add, number=1))


async def test_a_statement_that_takes_too_long_is_stopped(postgresql_url: str) -> None:
    database = await open_database(postgresql_url, statement_timeout=0.2)
    sleep = Statement(text("SELECT pg_sleep(60)"))
    with pytest.raises(DatabaseUnavailable, match="took too long"):
        await database.read(lambda tx: tx.one(sleep))
    await database.close()


async def test_a_cancelled_unit_rolls_back_and_frees_its_connection(postgresql: Database) -> None:
    begun = asyncio.Event()

    async def work(tx: Tx) -> None:
        await tx.run(ADD, id=1)
        begun.set()
        await tx.one(Statement(text("SELECT pg_sleep(60)")))

    for _ in range(6):  # more than there are connections
        begun.clear()
        task = asyncio.ensure_future(postgresql.write(work))
        await asyncio.wait_for(begun.wait(), WAIT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await postgresql.read(ids) == []


async def test_a_file_locked_by_another_process_is_told(sqlite: Database, sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseUnavailable, match="locked by another process"):
        await sqlite.write(partial(add, number=1))
    assert await sqlite.read(ids) == []

    other.execute("COMMIT")
    await sqlite.write(partial(add, number=2))
    assert await sqlite.read(ids) == [2]
    other.close()


async def test_a_full_disk_fails_only_the_unit_that_does_not_fit(sqlite: Database) -> None:
    pages = Statement(text("PRAGMA page_count"))
    row = await sqlite.read(lambda tx: tx.one(pages))
    assert row is not None
    await sqlite.write(lambda tx: tx.all(Statement(text(f"PRAGMA max_page_count = {row[0] + 20}"))))

    async def big(tx: Tx) -> None:
        await tx.run(ADD, id=1000, subject="x" * 1_000_000)

    outcomes = await asyncio.gather(
        *(sqlite.write(partial(add, number=n)) for n in range(5)),
        sqlite.write(big),
        *(sqlite.write(partial(add, number=n)) for n in range(5, 10)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes if outcome != 1] == [DatabaseUnavailable]
    assert "full" in str(outcomes[5])
    assert await sqlite.read(ids) == list(range(10))


async def test_a_fault_in_the_sql_is_raised_as_it_is(database: Database) -> None:
    nowhere = Statement(text("SELECT 1 FROM nowhere"))
    for _ in range(5):
        with pytest.raises((sqlite3.OperationalError, asyncpg.UndefinedTableError), match="nowhere"):
            await database.write(lambda tx: tx.one(nowhere))
    row = await database.read(lambda tx: tx.one(COUNT))
    assert row is not None
    assert row[0] == 0


@pytest.mark.parametrize("held", [False, True], ids=["idle", "in use"])
async def test_closing_does_not_wait_for_a_silent_server(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    monkeypatch.setattr(postgresql_pool, "CLOSE_SECONDS", 0.2)
    database = await open_database(postgresql_url)
    pid = await database.read(lambda tx: tx.one(Statement(text("SELECT pg_backend_pid()"))))
    assert pid is not None
    asked = asyncio.ensure_future(database.read(lambda tx: tx.one(_SLEEP))) if held else None
    await asyncio.sleep(0)
    os.kill(pid[0], signal.SIGSTOP)
    try:
        async with asyncio.timeout(WAIT):
            await database.close()
            if asked is not None:
                with pytest.raises((DatabaseUnavailable, RuntimeError)):
                    await asked
    finally:
        os.kill(pid[0], signal.SIGCONT)


async def test_a_pool_that_was_cut_off_leaves_no_connection(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that was lent nor one that was being made."""
    monkeypatch.setattr(postgresql_pool, "CLOSE_SECONDS", 0.1)
    made: list[asyncpg.Connection] = []
    go_on = asyncio.Event()

    async def connect() -> asyncpg.Connection:
        if made:
            await go_on.wait()
        made.append(await asyncpg.connect(postgresql_url))
        return made[-1]

    pool = Pool(connect, size=2, patience=WAIT)
    lent = await pool.take()
    taking = asyncio.ensure_future(pool.take())
    await asyncio.sleep(0)
    await pool.close()
    go_on.set()
    with pytest.raises(RuntimeError, match="closed"):
        await taking
    pool.give_back(lent)
    assert [one.is_closed() for one in made] == [True, True]


async def test_a_pool_whose_end_nobody_waits_for_leaves_no_connection(postgresql_url: str) -> None:
    pool = Pool(partial(asyncpg.connect, postgresql_url), size=1, patience=WAIT)
    lent = await pool.take()
    closing = asyncio.ensure_future(pool.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    pool.give_back(lent)
    assert lent.is_closed()
