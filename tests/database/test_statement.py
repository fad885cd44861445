"""A statement is compiled for each engine once, and refuses what it could not run."""

from __future__ import annotations

import pytest
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, bindparam, func, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from mailgate.database import Database, Statement, insert, member
from mailgate.database.contract import Engine
from tests.database.tables import ADD, letter

_ENGINES: tuple[Engine, ...] = ("sqlite", "postgresql")


@pytest.mark.parametrize("engine", _ENGINES)
def test_a_plan_is_made_once(engine: Engine) -> None:
    statement = Statement(select(letter.c.id))
    assert statement.plan(engine) is statement.plan(engine)


async def test_values_in_the_statement_are_kept_and_may_be_replaced(database: Database) -> None:
    found = Statement(
        select(letter.c.id)
        .where(letter.c.id.in_([1, 2, 3]), letter.c.subject == bindparam("subject", "plain"), letter.c.id < 3)
        .order_by(letter.c.id)
        .limit(1)
        .offset(bindparam("skip", 0))
    )
    await database.write(lambda tx: tx.run_many(ADD, [{"id": n, "subject": "plain"} for n in range(5)]))

    assert [tuple(row) for row in await database.read(lambda tx: tx.all(found))] == [(1,)]
    assert [tuple(row) for row in await database.read(lambda tx: tx.all(found, skip=1))] == [(2,)]
    assert await database.read(lambda tx: tx.all(found, subject="other")) == []


async def test_a_parameter_may_be_used_twice(database: Database) -> None:
    twice = Statement(select(letter.c.id).where((letter.c.id == bindparam("n")) | (letter.c.id + 1 == bindparam("n"))))
    await database.write(lambda tx: tx.run_many(ADD, [{"id": 1}, {"id": 2}, {"id": 3}]))
    assert sorted(row[0] for row in await database.read(lambda tx: tx.all(twice, n=3))) == [2, 3]


async def test_booleans_are_stored_as_booleans(database: Database) -> None:
    mark = Statement(
        update(letter).where(letter.c.id == bindparam("number")).values(seen=bindparam("seen")).returning(letter.c.seen)
    )
    seen = Statement(select(letter.c.id).where(letter.c.seen.is_(True)))
    await database.write(lambda tx: tx.run_many(ADD, [{"id": 1}, {"id": 2}]))
    await database.write(lambda tx: tx.run(mark, number=1, seen=False))
    await database.write(lambda tx: tx.run(mark, number=2, seen=True))
    assert [row[0] for row in await database.read(lambda tx: tx.all(seen))] == [2]


async def test_text_statements_take_named_parameters(database: Database) -> None:
    statement = Statement(text("SELECT :a || :b").bindparams(bindparam("a", type_=Text), bindparam("b", type_=Text)))
    row = await database.read(lambda tx: tx.one(statement, a="x", b="y"))
    assert row is not None
    assert row[0] == "xy"


@pytest.mark.parametrize("engine", _ENGINES)
def test_a_list_parameter_points_to_member(engine: Engine) -> None:
    statement = Statement(select(letter.c.id).where(letter.c.id.in_(bindparam("wanted"))))
    with pytest.raises(ValueError, match=r"member\(column, 'wanted'\)"):
        statement.plan(engine)


@pytest.mark.parametrize("engine", _ENGINES)
def test_a_default_that_only_sqlalchemy_would_run_is_refused(engine: Engine) -> None:
    table = Table("t", MetaData(), Column("id", BigInteger), Column("made", Integer, default=lambda: 1))
    with pytest.raises(ValueError, match=r"default of t\.made would not run"):
        Statement(insert(table).values(id=bindparam("id"))).plan(engine)


def test_member_needs_a_typed_column() -> None:
    untyped: ColumnElement[object] = func.thing()
    with pytest.raises(TypeError, match="needs a column with a type"):
        member(untyped, "wanted")
