"""Notifications come when a unit commits, and only then, in every process; a gap in them is told."""

from __future__ import annotations

import asyncio
import sys
from functools import partial

import asyncpg
import pytest

from mailgate.database import Database, Tx, open_database
from tests.database.tables import Inbox, add, create_tables

_OTHER_PROCESS = """
import asyncio, sys
from functools import partial
from mailgate.database import open_database
from tests.database.tables import add

async def publish(tx):
    await add(tx, number=77)
    await tx.notify("from elsewhere")

async def main():
    database = await open_database(sys.argv[1])
    await database.write(publish)
    await database.close()

asyncio.run(main())
"""


async def _publish(tx: Tx, payloads: list[str], *, fail: bool = False) -> None:
    for payload in payloads:
        await tx.notify(payload)
    if fail:
        raise LookupError


async def _listening(database: Database) -> Inbox:
    inbox = Inbox()
    database.listen(inbox.receive)
    if database.engine == "postgresql":
        assert await inbox.next() is None
    return inbox


async def test_a_commit_publishes_and_a_rollback_does_not(database: Database) -> None:
    inbox = await _listening(database)

    with pytest.raises(LookupError):
        await database.write(partial(_publish, payloads=["never"], fail=True))
    await database.write(partial(_publish, payloads=["one", "two", "one"]))

    assert [await inbox.next(), await inbox.next()] == ["one", "two"]
    await database.write(partial(_publish, payloads=["é" * 3999]))
    assert await inbox.next() == "é" * 3999
    assert inbox.empty


async def test_every_receiver_is_told_even_when_one_fails(database: Database) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fail(payload: str | None) -> None:
        raise LookupError(payload)

    database.listen(fail)
    inbox = await _listening(database)
    await database.write(partial(_publish, payloads=["one"]))

    assert await inbox.next() == "one"
    assert isinstance(failures[-1], LookupError)


async def test_what_a_receiver_calls_for_runs_before_the_next_payload(database: Database) -> None:
    """So that a message to thousands never holds up the event loop for as long as all of them take."""
    inbox = await _listening(database)
    loop, order = asyncio.get_running_loop(), list[str]()

    def receive(payload: str | None) -> None:
        order.append(f"told {payload}")
        loop.call_soon(order.append, f"served {payload}")

    database.listen(receive)
    await database.write(partial(_publish, payloads=["one", "two", "three"]))
    while await inbox.next() != "three":
        pass
    await asyncio.sleep(0)
    assert order == [f"{what} {number}" for number in ("one", "two", "three") for what in ("told", "served")]


async def test_a_receiver_that_ended_is_told_nothing_more(database: Database) -> None:
    first = Inbox()
    end = database.listen(first.receive)
    second = await _listening(database)
    while not first.empty:
        await first.next()
    end()
    end()

    await database.write(partial(_publish, payloads=["one"]))

    assert await second.next() == "one"
    assert first.empty


@pytest.mark.parametrize("payload", ["", "x" * 8000, "é" * 4000])
async def test_a_payload_out_of_bounds_is_refused(database: Database, payload: str) -> None:
    with pytest.raises(ValueError, match="7999 bytes"):
        await database.write(partial(_publish, payloads=[payload]))


async def _run_other_process(url: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _OTHER_PROCESS, url)
    assert await process.wait() == 0


async def test_a_notification_of_another_process_arrives_on_postgresql(postgresql_url: str) -> None:
    await create_tables(postgresql_url)
    database = await open_database(postgresql_url)
    inbox = await _listening(database)

    await _run_other_process(postgresql_url)

    assert await inbox.next() == "from elsewhere"
    await database.close()


async def test_the_commit_of_another_process_is_noticed_on_sqlite(sqlite_url: str) -> None:
    await create_tables(sqlite_url)
    database = await open_database(sqlite_url)
    inbox = await _listening(database)

    await database.write(partial(_publish, payloads=["own"]))
    assert await inbox.next() == "own"
    await _run_other_process(sqlite_url)

    assert await inbox.next() is None
    await database.write(partial(add, number=1))
    assert inbox.empty
    await database.close()


async def test_a_lost_listener_comes_back_and_tells_of_the_gap(postgresql: Database, postgresql_url: str) -> None:
    inbox = await _listening(postgresql)
    administrator = await asyncpg.connect(postgresql_url)
    ended = await administrator.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'mailgate listener' AND datname = current_database()"
    )
    await administrator.close()
    assert len(ended) == 1

    assert await inbox.next() is None
    await postgresql.write(partial(_publish, payloads=["after"]))
    assert await inbox.next() == "after"
