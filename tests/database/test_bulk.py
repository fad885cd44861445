"""`member` and `rows` carry any number of any values in one statement, on both engines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, LargeBinary, Text, bindparam, select, true, update

from mailgate.database import Database, Statement, Tx, insert, member, open_database, rows
from tests.database.tables import CLEAR, create_tables, letter

_fresh = rows("fresh", id=BigInteger, digest=LargeBinary, subject=Text, seen=Boolean)
ADD_ROWS = Statement(insert(letter).from_select(["id", "digest", "subject", "seen"], select(_fresh)))
ADD_MISSING = Statement(
    insert(letter)
    .from_select(["id", "digest", "subject", "seen"], select(_fresh))
    .on_conflict_do_nothing(index_elements=[letter.c.id])
    .returning(letter.c.id)
)
_upsert = insert(letter).from_select(["id", "digest", "subject", "seen"], select(_fresh).where(true()))
ADD_OR_RENAME = Statement(
    _upsert.on_conflict_do_update(index_elements=[letter.c.id], set_={"subject": _upsert.excluded.subject})
)
_names = rows("names", id=BigInteger, subject=Text)
RENAME = Statement(update(letter).where(letter.c.id == _names.c.id).values(subject=_names.c.subject))
ALL = Statement(select(letter).order_by(letter.c.id))
BY_ID = Statement(select(letter.c.id).where(member(letter.c.id, "wanted")).order_by(letter.c.id))
BY_SUBJECT = Statement(select(letter.c.id).where(member(letter.c.subject, "wanted")).order_by(letter.c.id))
BY_DIGEST = Statement(select(letter.c.id).where(member(letter.c.digest, "wanted")).order_by(letter.c.id))
BY_DENSE_ID = Statement(select(letter.c.id).where(member(letter.c.id, "wanted", dense=True)).order_by(letter.c.id))
NOT_BY_DENSE_ID = Statement(select(letter.c.id).where(~member(letter.c.id, "wanted", dense=True)).order_by(letter.c.id))
NOT_BY_ID = Statement(select(letter.c.id).where(~member(letter.c.id, "wanted")).order_by(letter.c.id))
BY_BOTH = Statement(
    select(letter.c.id)
    .where(member(letter.c.digest, "digests"), letter.c.id > bindparam("above"), member(letter.c.id, "wanted"))
    .order_by(letter.c.id)
)

_HOSTILE = (
    "",
    "'",
    "''; DROP TABLE letter; --",
    '"',
    "\\",
    "\\u0000",
    "$1",
    "?",
    ":x",
    "{}",
    "[1,2]",
    "null",
    "NULL",
    "a,b",
    "\n\r\t\x01\x7f",
    "é à ç – …",
    "\U0001f600\ufeff\u2028",
    "%s%d",
    "x" * 100_000,
)

_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_row = st.tuples(st.none() | st.binary(max_size=40), st.none() | _texts, st.none() | st.booleans())


async def _ids(database: Database, statement: Statement, **parameters: object) -> list[int]:
    return [row[0] for row in await database.read(lambda tx: tx.all(statement, **parameters))]


def _write(database: Database, given_rows: Sequence[Any], statement: Statement = ADD_ROWS) -> Any:  # noqa: ANN401
    return database.write(lambda tx: tx.run(statement, fresh=given_rows))


async def test_rows_inserts_fifteen_hundred_rows_in_one_statement(database: Database) -> None:
    source = random.Random(1)
    given_rows = [(n, source.randbytes(20), f"Réunion n° {n}", n % 2 == 0) for n in range(1500)]

    assert await _write(database, given_rows) == 1500

    stored = await database.read(lambda tx: tx.all(ALL))
    assert [tuple(row) for row in stored] == given_rows


async def test_member_finds_ten_thousand_values_of_each_type(database: Database) -> None:
    source = random.Random(2)
    given_rows = [(n, source.randbytes(20), f"s{n}", None) for n in range(12_000)]
    await _write(database, given_rows)
    chosen = sorted(source.sample(range(12_000), 10_000))

    assert await _ids(database, BY_ID, wanted=chosen) == chosen
    assert await _ids(database, BY_SUBJECT, wanted=[given_rows[n][2] for n in chosen]) == chosen
    assert await _ids(database, BY_DIGEST, wanted=[given_rows[n][1] for n in chosen]) == chosen
    assert await _ids(database, BY_BOTH, digests=[given_rows[n][1] for n in chosen], above=5999, wanted=chosen) == [
        n for n in chosen if n > 5999
    ]


async def test_dense_members_are_the_same_members(database: Database) -> None:
    await _write(database, [(n, None, None, None) for n in range(100)])
    for wanted in ([], [7], [98, 3, 3, 500, -1], list(range(20, 60))):
        inside = [n for n in range(100) if n in wanted]
        assert await _ids(database, BY_DENSE_ID, wanted=wanted) == inside
        assert await _ids(database, NOT_BY_DENSE_ID, wanted=wanted) == [n for n in range(100) if n not in inside]


async def test_dense_members_are_looked_up_in_a_hash(postgresql_url: str) -> None:
    await create_tables(postgresql_url)
    plan = BY_DENSE_ID.plan("postgresql")
    connection = await asyncpg.connect(postgresql_url)
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    lines = await connection.fetch(f"EXPLAIN {plan.sql}", *plan.arguments({"wanted": [1, 2, 3]}))
    await connection.close()
    assert any("hashed SubPlan" in line[0] for line in lines), lines


async def test_no_values_find_and_insert_nothing(database: Database) -> None:
    assert await _write(database, []) == 0
    await _write(database, [(1, b"", "", False)])
    for statement in (BY_ID, BY_SUBJECT, BY_DIGEST):
        assert await _ids(database, statement, wanted=[]) == []
    assert await _ids(database, NOT_BY_ID, wanted=[]) == [1]


async def test_hostile_texts_stay_values(database: Database) -> None:
    given_rows = [(n, text.encode(), text, None) for n, text in enumerate(_HOSTILE)]
    await _write(database, given_rows)

    assert [tuple(row) for row in await database.read(lambda tx: tx.all(ALL))] == given_rows
    for number, text in enumerate(_HOSTILE):
        assert await _ids(database, BY_SUBJECT, wanted=[text, "absent"]) == [number]
        assert await _ids(database, BY_DIGEST, wanted=[text.encode(), b"absent"]) == [number]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(values=st.lists(_row, max_size=8))
def test_any_values_come_back_as_they_were(runner: Callable[[Any], Any], values: list[Any]) -> None:
    given_rows = [(n, *value) for n, value in enumerate(values)]

    async def work(tx: Tx) -> tuple[list[Any], list[Any]]:
        await tx.run(CLEAR)
        await tx.run(ADD_ROWS, fresh=given_rows)
        digests = [digest for _, digest, _, _ in given_rows if digest is not None]
        return list(await tx.all(ALL)), list(await tx.all(BY_DIGEST, wanted=digests))

    stored, found = runner(work)
    assert [tuple(row) for row in stored] == given_rows
    assert [row[0] for row in found] == [row[0] for row in given_rows if row[1] is not None]


@pytest.fixture
def runner(tables_url: str) -> Any:  # noqa: ANN401
    """Runs units of work from a test that is not async, as Hypothesis needs."""
    with asyncio.Runner() as loop:
        database = loop.run(open_database(tables_url))
        yield lambda work: loop.run(database.write(work))
        loop.run(database.close())


async def test_the_ends_of_64_bits_are_kept(database: Database) -> None:
    ends = [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1]
    await _write(database, [(number, None, None, None) for number in ends])
    assert await _ids(database, BY_ID, wanted=ends) == ends


@pytest.mark.parametrize(
    "given_row",
    [
        (2**63, None, None, None),
        (1, None, "nul \0 within", None),
        (1, None, "lone surrogate \ud800", None),
        (1, None, b"bytes for text", None),
        (1, "text for bytes", None, None),
        (1, None, None),
        (1, None, None, None, None),
    ],
    ids=["65 bits", "NUL", "surrogate", "bytes as text", "text as bytes", "too short", "too long"],
)
async def test_values_that_the_engine_would_change_are_refused(database: Database, given_row: tuple[Any, ...]) -> None:
    with pytest.raises(Exception, match=r"."):
        await _write(database, [given_row])
    assert await database.read(lambda tx: tx.all(ALL)) == []


async def test_insert_from_rows_can_skip_or_merge_what_is_there(database: Database) -> None:
    await _write(database, [(1, None, "old", None)])

    fresh = [(1, None, "new", None), (2, None, "new", None)]
    added = await database.write(lambda tx: tx.all(ADD_MISSING, fresh=fresh))
    assert [row[0] for row in added] == [2]
    assert [row[2] for row in await database.read(lambda tx: tx.all(ALL))] == ["old", "new"]

    await _write(database, fresh, ADD_OR_RENAME)
    assert [row[2] for row in await database.read(lambda tx: tx.all(ALL))] == ["new", "new"]


async def test_update_from_rows_gives_each_row_its_own_value(database: Database) -> None:
    await _write(database, [(n, None, "old", None) for n in range(2000)])

    touched = await database.write(lambda tx: tx.run(RENAME, names=[(n, f"new {n}") for n in range(0, 2000, 2)]))

    assert touched == 1000
    stored = await database.read(lambda tx: tx.all(ALL))
    assert [row[2] for row in stored] == ["old" if n % 2 else f"new {n}" for n in range(2000)]
