"""What the database seam costs on each engine: grouped writes, reads, and the rows of a message to 1,500 people.

python -m benchmarks.database
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import uvloop
from rich.console import Console
from rich.table import Table as Printed
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, bindparam, select, update

from mailgate.database import Database, Statement, Tx, async_engine, insert, member, open_database, rows
from tests.support.postgresql import PostgresqlServer

MEMBERS = 1500
MAILBOX = 10_000

metadata = MetaData()
mailbox = Table(
    "mailbox",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("uidnext", BigInteger, nullable=False),
)
copy = Table(
    "copy",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("flags", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

ADD_MAILBOXES = Statement(
    insert(mailbox).from_select(["account_id", "uidnext"], select(rows("r", account_id=BigInteger, uidnext=BigInteger)))
)
TAKE_UIDS = Statement(
    update(mailbox)
    .where(member(mailbox.c.account_id, "accounts"))
    .values(uidnext=mailbox.c.uidnext + 1)
    .returning(mailbox.c.account_id, mailbox.c.uidnext)
)
ADD_COPIES = Statement(
    insert(copy).from_select(
        ["account_id", "uid", "flags", "digest"],
        select(rows("r", account_id=BigInteger, uid=BigInteger, flags=Integer, digest=LargeBinary)),
    )
)
SET_FLAGS = Statement(
    update(copy)
    .where(copy.c.account_id == bindparam("account"), copy.c.uid == bindparam("number"))
    .values(flags=bindparam("mask"))
)
ONE = Statement(select(copy).where(copy.c.account_id == bindparam("account"), copy.c.uid == bindparam("number")))
ALL = Statement(select(copy.c.uid, copy.c.flags).where(copy.c.account_id == bindparam("account")).order_by(copy.c.uid))
SOME = Statement(select(copy.c.uid).where(copy.c.account_id == bindparam("account"), member(copy.c.uid, "uids")))

BIG = 0
"""The account whose mailbox holds 10,000 copies."""


@dataclass(frozen=True)
class Result:
    """The rate, the median and the worst of many runs of one thing."""

    rate: float
    median: float
    worst: float


async def measure(run: Callable[[int], Awaitable[object]], *, count: int, concurrent: int = 1) -> Result:
    """Run `run(0)` … `run(count - 1)`, `concurrent` at a time; times in seconds."""
    times: list[float] = []
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            begun = time.perf_counter()
            await run(number)
            times.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrent)))
    elapsed = time.perf_counter() - begun
    times.sort()
    return Result(count / elapsed, times[len(times) // 2], times[-1])


async def fill(database: Database) -> None:
    """Make 1,500 mailboxes, one of them with 10,000 copies."""

    async def work(tx: Tx) -> None:
        await tx.run(ADD_MAILBOXES, r=[(account, 1) for account in range(1, MEMBERS + 1)])
        await tx.run(ADD_COPIES, r=[(BIG, uid, 0, os.urandom(20)) for uid in range(1, MAILBOX + 1)])

    await database.write(work)


async def fan_out(tx: Tx) -> None:
    """One message to 1,500 mailboxes: a UID from each, and a copy in each."""
    taken = await tx.all(TAKE_UIDS, accounts=range(1, MEMBERS + 1))
    digest = os.urandom(20)
    await tx.run(ADD_COPIES, r=[(account, uid, 0, digest) for account, uid in taken])
    await tx.notify("1 1500")


async def flag(tx: Tx, number: int) -> None:
    """Change the flags of one copy."""
    await tx.run(SET_FLAGS, account=BIG, number=number % MAILBOX + 1, mask=number)


async def flag_and_tell(tx: Tx, number: int) -> None:
    """The same, told to every process."""
    await flag(tx, number)
    await tx.notify(str(number))


async def look_twice(tx: Tx) -> None:
    """Two reads on one snapshot."""
    await tx.one(ONE, account=BIG, number=5)
    await tx.one(ONE, account=BIG, number=6)


async def benchmark(url: str) -> dict[str, Result]:
    """Measure everything on the database at `url`."""
    engine = async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    database = await open_database(url, pool_size=16)
    await fill(database)
    uids = list(range(1, MAILBOX, 10))
    results = {
        "flag change, one writer": await measure(lambda n: database.write(lambda tx: flag(tx, n)), count=500),
        "flag change, 64 writers": await measure(
            lambda n: database.write(lambda tx: flag(tx, n)), count=8000, concurrent=64
        ),
        "flag change and notification, 64 writers": await measure(
            lambda n: database.write(lambda tx: flag_and_tell(tx, n)), count=8000, concurrent=64
        ),
        "message to 1,500 mailboxes": await measure(lambda _: database.write(fan_out), count=20),
        "read of one row": await measure(
            lambda n: database.read(lambda tx: tx.one(ONE, account=BIG, number=n % MAILBOX + 1)), count=5000
        ),
        "read of two rows, one snapshot": await measure(lambda _: database.read(look_twice), count=3000),
        "read of 10,000 UIDs and flags": await measure(
            lambda _: database.read(lambda tx: tx.all(ALL, account=BIG)), count=30
        ),
        "read of 1,000 rows by member()": await measure(
            lambda _: database.read(lambda tx: tx.all(SOME, account=BIG, uids=uids)), count=50
        ),
    }
    await database.close()
    return results


def main() -> None:
    """Measure both engines and print a table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresqlServer() as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        sqlite = runner.run(benchmark(f"sqlite:///{folder}/mailgate.db"))
        postgresql = runner.run(benchmark(server.create_database()))
    printed = Printed(title="The database seam (per second; median and worst in ms)")
    printed.add_column("")
    for engine in ("SQLite", "PostgreSQL"):
        printed.add_column(f"{engine} /s", justify="right")
        printed.add_column("median", justify="right")
        printed.add_column("worst", justify="right")
    for name, result in sqlite.items():
        cells = [
            text
            for one in (result, postgresql[name])
            for text in (f"{one.rate:,.0f}", f"{one.median * 1000:.3f}", f"{one.worst * 1000:.1f}")
        ]
        printed.add_row(name, *cells)
    Console(width=140).print(printed)


if __name__ == "__main__":
    main()
