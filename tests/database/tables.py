"""A small table and the statements that the tests run over it."""

from __future__ import annotations

import asyncio

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    update,
)

from mailgate.database import Statement, Tx, async_engine, insert

WAIT = 10.0
"""Seconds after which a test gives up waiting for what must come."""

metadata = MetaData()
letter = Table(
    "letter",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary),
    Column("subject", Text),
    Column("seen", Boolean),
)
counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

ADD = Statement(insert(letter).values(id=bindparam("id"), subject=bindparam("subject", None)))
CLEAR = Statement(delete(letter))
IDS = Statement(select(letter.c.id).order_by(letter.c.id))
COUNT = Statement(select(func.count()).select_from(letter))
NEW_COUNTER = Statement(insert(counter))
BUMP = Statement(
    update(counter)
    .where(counter.c.name == bindparam("which"))
    .values(value=counter.c.value + 1)
    .returning(counter.c.value)
)
VALUE = Statement(select(counter.c.value).where(counter.c.name == bindparam("which")))
COUNTERS = Statement(select(counter.c.value).order_by(counter.c.name))


async def create_tables(url: str) -> None:
    """Make the tables, by the engine that migrations use."""
    engine = async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


async def ids(tx: Tx) -> list[int]:
    """A unit of work: the ids of all letters."""
    return [row[0] for row in await tx.all(IDS)]


async def add(tx: Tx, number: int) -> int:
    """A unit of work: one more letter."""
    return await tx.run(ADD, id=number)


class Inbox:
    """A receiver of notifications that a test can wait on."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def receive(self, payload: str | None) -> None:
        """Take a notification: this is what `Database.listen` wants."""
        self._queue.put_nowait(payload)

    async def next(self) -> str | None:
        """Wait for one notification."""
        return await asyncio.wait_for(self._queue.get(), WAIT)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._queue.empty()
