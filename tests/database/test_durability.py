"""What `write` has returned survives the death of the process, and of the server."""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial

import pytest

from mailgate.database import open_database
from tests.database.tables import CLEAR, WAIT, add, create_tables, ids
from tests.support.postgresql import PostgresqlServer

_WRITER = """
import asyncio, os, sys
from functools import partial
from mailgate.database import open_database
from tests.database.tables import add

async def writer(database, first):
    write = {
        "durable": database.write,
        "unsynced": partial(database.write, durable=False),
        "alone": database.write_alone,
    }[sys.argv[2]]
    for number in range(first, 10**9, 8):
        await write(partial(add, number=number))
        os.write(1, b"%d\\n" % number)

async def main():
    database = await open_database(sys.argv[1])
    await asyncio.gather(*(writer(database, first) for first in range(8)))

asyncio.run(main())
"""


async def _kill_a_writer(url: str, after: int, way: str) -> list[int]:
    """Start a writer, kill it when it has told of `after` writes, and give all that it told of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, url, way, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    told = [await asyncio.wait_for(process.stdout.readline(), WAIT) for _ in range(after)]
    process.kill()
    told += (await process.stdout.read()).splitlines(keepends=True)
    assert await process.wait() == -signal.SIGKILL
    return [int(line) for line in told if line.endswith(b"\n")]


@pytest.mark.parametrize("way", ["durable", "unsynced", "alone"])
async def test_writes_survive_the_death_of_the_process(tables_url: str, way: str) -> None:
    told: list[int] = []
    for after in (1, 97, 500):
        told += await _kill_a_writer(tables_url, after, way)
        database = await open_database(tables_url)
        stored = await database.read(ids)
        assert set(told) <= set(stored)
        assert len(stored) == len(set(stored))
        await database.write(lambda tx: tx.run(CLEAR))
        await database.close()
        told.clear()


async def test_writes_survive_the_death_of_the_server() -> None:
    with PostgresqlServer() as server:
        url = server.create_database()
        await create_tables(url)
        database = await open_database(url)
        await asyncio.gather(*(database.write(partial(add, number=n)) for n in range(100)))
        await asyncio.to_thread(server.pause)
        await asyncio.to_thread(server.resume)

        assert await database.read(ids) == list(range(100))
        await database.close()
