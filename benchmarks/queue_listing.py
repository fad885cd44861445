"""What an operator waits for when a million recipients are in the queue: `mailgate queue list`, its filters, `stats`.

Run from the root of the tree: ``python -m benchmarks.queue_listing [--only sqlite] [--entries 1000000]``.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, Literal, get_args

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, func, insert, select

from mailgate import migrations
from mailgate.database import Database, open_database
from mailgate.database.batch import batch_engine
from mailgate.queue import claim, listing
from mailgate.queue.listing import Filter
from mailgate.queue.outcome import State
from mailgate.queue.schema import queue_destination, queued_message, queued_recipient
from tests.support.postgresql import PostgresqlServer

Store = Literal["sqlite", "postgresql"]

NOW: Final = 1_800_000_000
TIMES: Final = 7
PAGE: Final = 50
_CHUNK: Final = 20_000
_EACH: Final = 4
"""Recipients of each message."""
_DOMAINS: Final = 20_000
_SENDERS: Final = 17_321


def main() -> None:
    """Measure each store, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=get_args(Store))
    parser.add_argument("--entries", type=int, default=1_000_000)
    arguments = parser.parse_args()
    stores: Sequence[Store] = [arguments.only] if arguments.only else get_args(Store)
    results = {store: asyncio.run(measured(store, arguments.entries)) for store in stores}
    table = Table(f"{arguments.entries:,} entries, ms", *stores)
    for row in results[stores[0]]:
        table.add_row(row, *(f"{results[store][row]:,.1f}" for store in stores))
    Console(soft_wrap=True).print(table)


async def measured(store: Store, entries: int) -> dict[str, float]:
    """Milliseconds of each look, the median of some."""
    with server(store) as url:
        async with batch_engine(url, create=True) as engine:
            await migrations.upgrade(engine)
            async with engine.begin() as connection:
                await connection.run_sync(partial(fill, entries=entries))
            async with engine.connect() as connection:
                await connection.exec_driver_sql("ANALYZE")
                found = {name: await connection.run_sync(partial(timed, look)) for name, look in looks(entries)}
        async with opened(url) as database:
            found["next to be sent: what is due, by domain"] = await schedule(database)
        return found


@contextmanager
def server(store: Store) -> Iterator[str]:
    """The URL of an empty database."""
    if store == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/queue.db"
    else:
        with PostgresqlServer() as postgresql:
            yield postgresql.create_database()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database as the gateway opens it."""
    database = await open_database(url)
    yield database
    await database.close()


def fill(connection: Connection, entries: int) -> None:
    """Eight of ten wait, one was sent, the others are held or have failed; one domain in a thousand has most of it."""
    chance = random.Random(5)  # noqa: S311 - no secret
    for start in range(0, entries // _EACH, _CHUNK):
        numbers = range(start + 1, min(start + _CHUNK, entries // _EACH) + 1)
        connection.execute(insert(queued_message), [message(number) for number in numbers])
        rows = [recipient(number, each, chance) for number in numbers for each in range(_EACH)]
        connection.execute(insert(queued_recipient), rows)
    names = [{"domain": f"d{number}.example"} for number in range(0, _DOMAINS, 10)]
    values = {"failures": 3, "retry_at": NOW + 600, "tried_at": NOW, "answer": "connection refused"}
    connection.execute(insert(queue_destination), [one | values for one in names])


def message(number: int) -> dict[str, Any]:
    """A row of a message."""
    return {
        "queue_id": number, "content_id": number.to_bytes(20), "size": 4_096, "sender_id": number % _SENDERS + 1,
        "mail_from": f"p{number % _SENDERS}@ent.example.org", "dispatch_id": f"{number:016x}", "eightbit": 0, "utf8": 0,
        "require_tls": 0, "created_at": NOW - number // 100, "expires_at": NOW + 345_600, "done_at": 0,
    }  # fmt: skip


def recipient(number: int, each: int, chance: random.Random) -> dict[str, Any]:
    """A row of one of its recipients."""
    state = chance.choices(list(State), weights=[80 if one == State.WAITING else 5 for one in State])[0]
    big = chance.random() < 0.5
    domain = f"big{chance.randrange(20)}.example" if big else f"d{chance.randrange(_DOMAINS)}.example"
    return {
        "queue_id": number, "number": each, "address": f"parent{number}@{domain}", "domain": domain,
        "priority": each % 2, "state": state.value, "created_at": NOW - number // 100,
        "due_at": NOW + chance.randrange(-600, 7_200), "notice_at": NOW + 14_400, "attempts": 2, "doubts": 0,
        "lease_owner": None, "code": 451, "status": "4.7.1", "answer": "Please try again later",
        "remote": "mx.example", "notify": "", "done_at": 0,
    }  # fmt: skip


def looks(entries: int) -> Iterator[tuple[str, Callable[[Connection], object]]]:
    """What an operator asks for."""

    def page(wanted: Filter, after: str | None = None) -> Callable[[Connection], object]:
        return lambda connection: listing.entries(connection, wanted, limit=PAGE, after=after)

    def middle(connection: Connection) -> object:
        number = entries // _EACH // 2
        return listing.entries(connection, Filter(), limit=PAGE, after=f"{NOW - number // 100:x}.{number:x}.0")

    yield "list: the first page", page(Filter())
    yield "list: a page in the middle", middle
    yield "list: every state", page(Filter(states=tuple(State)))
    yield "list: a domain with a fortieth of it", page(Filter(domain="big3.example"))
    yield "list: a domain with little", page(Filter(domain="d777.example"))
    yield "list: a domain with nothing", page(Filter(domain="nobody.example"))
    yield "list: one sender", page(Filter(sender="p5000@ent.example.org"))
    yield "list: an answer that all had", page(Filter(answer="4.7.1"))
    yield "list: an answer that nobody had", page(Filter(answer="5.9.9"))
    yield "list: older than", page(Filter(before=NOW - 600))
    yield "show: one message", lambda connection: listing.message(connection, f"{entries // _EACH // 3:x}")
    yield "stats", listing.stats
    yield (
        "count of the table, to compare",
        lambda connection: connection.scalar(select(func.count()).select_from(queued_recipient)),
    )


def timed(look: Callable[[Connection], object], connection: Connection) -> float:
    """Milliseconds, the median of some."""
    times = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        look(connection)
        times.append((time.perf_counter() - begun) * 1_000)
    return statistics.median(times)


async def schedule(database: Database) -> float:
    """Milliseconds of a worker's look at the whole queue, the median of some."""
    times = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        await database.read(partial(claim.schedule, most=500))
        times.append((time.perf_counter() - begun) * 1_000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
