"""A unit of work happens wholly or not at all, whatever its neighbours do."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import pytest

from mailgate.database import ConstraintViolated, Database, Statement, Tx, open_database
from tests.database.tables import ADD, BUMP, COUNT, IDS, NEW_COUNTER, VALUE, add, create_tables, ids


async def test_a_unit_that_raises_leaves_nothing_behind(database: Database) -> None:
    async def work(tx: Tx) -> None:
        await tx.run(ADD, id=1)
        raise LookupError("no such mailbox")

    with pytest.raises(LookupError, match="no such mailbox"):
        await database.write(work)
    assert await database.read(ids) == []


async def test_one_failure_among_many_concurrent_units_takes_only_itself_away(database: Database) -> None:
    def adding(number: int) -> asyncio.Future[None]:
        async def work(tx: Tx) -> None:
            await tx.run(ADD, id=number)
            if number % 10 == 3:
                raise LookupError(number)

        return asyncio.ensure_future(database.write(work))

    outcomes = await asyncio.gather(*(adding(number) for number in range(100)), return_exceptions=True)

    failed = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, LookupError)]
    assert failed == list(range(3, 100, 10))
    assert await database.read(ids) == [number for number in range(100) if number % 10 != 3]


async def test_a_broken_constraint_is_told_and_takes_back_the_whole_unit(database: Database) -> None:
    await database.write(lambda tx: tx.run(ADD, id=7))

    async def work(tx: Tx) -> None:
        await tx.run(ADD, id=8)
        await tx.run(ADD, id=7)

    with pytest.raises(ConstraintViolated):
        await database.write(work)
    assert await database.read(ids) == [7]


async def test_concurrent_increments_are_never_lost(database: Database) -> None:
    await database.write(lambda tx: tx.run(NEW_COUNTER, name="uid", value=0))

    async def bump(tx: Tx) -> int:
        row = await tx.one(BUMP, which="uid")
        assert row is not None
        value: int = row[0]
        return value

    values = await asyncio.gather(*(database.write(bump) for _ in range(60)))

    assert sorted(values) == list(range(1, 61))
    assert [tuple(row) for row in await database.read(lambda tx: tx.all(VALUE, which="uid"))] == [(60,)]


async def test_run_gives_the_number_of_rows_touched(database: Database) -> None:
    async def work(tx: Tx) -> list[int]:
        await tx.run_many(NEW_COUNTER, [{"name": name, "value": 0} for name in ("a", "b", "c")])
        return [await tx.run(BUMP, which="a"), await tx.run(BUMP, which="none")]

    assert await database.write(work) == [1, 0]


async def test_one_gives_none_where_there_is_no_row(database: Database) -> None:
    assert await database.read(lambda tx: tx.one(VALUE, which="none")) is None


async def test_a_cancelled_caller_leaves_the_database_usable(database: Database) -> None:
    tasks = [asyncio.ensure_future(database.write(partial(add, number=n))) for n in range(40)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    kept = [number for number, outcome in enumerate(outcomes) if outcome == 1]
    assert set(range(1, 40, 2)) <= set(kept)
    assert set(kept) <= set(await database.read(ids))


async def test_close_finishes_what_is_queued(tables_url: str) -> None:
    database = await open_database(tables_url)
    writes = [asyncio.ensure_future(database.write(partial(add, number=n))) for n in range(50)]
    await asyncio.sleep(0)

    await database.close()

    assert await asyncio.gather(*writes) == [1] * 50
    with pytest.raises(RuntimeError, match="closed"):
        await database.write(lambda tx: tx.run(ADD, id=99))
    again = await open_database(tables_url)
    assert await again.read(ids) == list(range(50))
    await again.close()


async def test_a_missing_or_unknown_parameter_is_named(database: Database) -> None:
    with pytest.raises(TypeError, match="missing: id"):
        await database.write(lambda tx: tx.run(ADD, subject="x"))
    with pytest.raises(TypeError, match="unknown: uid"):
        await database.write(lambda tx: tx.run(ADD, id=1, uid=2))


async def test_awaiting_anything_else_in_a_unit_is_refused_on_sqlite(sqlite: Database) -> None:
    async def work(tx: Tx) -> None:
        await tx.run(ADD, id=1)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaited something other"):
        await sqlite.write(work)
    with pytest.raises(RuntimeError, match="awaited something other"):
        await sqlite.read(lambda _: asyncio.sleep(0))
    assert await sqlite.read(ids) == []


async def test_going_on_after_an_error_is_refused_on_postgresql(postgresql: Database) -> None:
    async def work(tx: Tx) -> None:
        await tx.run(ADD, id=1)
        with contextlib.suppress(Exception):  # the fault under test
            await tx.run(ADD, id=1)

    with pytest.raises(RuntimeError, match="went on after an error"):
        await postgresql.write(work)
    assert await postgresql.read(ids) == []


async def test_sqlalchemy_and_the_seam_share_one_database(database_url: str) -> None:
    await create_tables(database_url)
    database = await open_database(database_url)
    row = await database.read(lambda tx: tx.one(COUNT))
    assert row is not None
    assert row[0] == 0
    assert repr(IDS).startswith("Statement(SELECT letter.id")
    assert isinstance(IDS, Statement)
    await database.close()
