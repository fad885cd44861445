"""Purges one message, and prints how many copies are gone after each batch: to be killed."""

from __future__ import annotations

import asyncio
import sys

from mailgate.database import open_database
from mailgate.delivery.whereabouts import seek
from mailgate.delivery.withdrawing import Order, withdraw
from mailgate.store import dispatches


def say(done: int, _: int) -> None:
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()


async def main(url: str, dispatch_id: str) -> None:
    database = await open_database(url)
    [sent] = await database.read(lambda tx: dispatches.find(tx, dispatch_id))
    sought = await database.read(lambda tx: seek(tx, sent))
    await withdraw(database, sought, Order("purge", "tests"), say)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
