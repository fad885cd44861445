"""Delivers without end, and prints the number of each message once the store has acknowledged it: to be killed."""

from __future__ import annotations

import asyncio
import itertools
import sys

from mailgate.database import open_database
from mailgate.store import MailStore
from tests.store.messages import message

RECIPIENTS = (1, 2, 3, 4, 5)


async def main(url: str) -> None:
    store = MailStore(await open_database(url))
    numbers = itertools.count()

    async def worker() -> None:
        for number in numbers:
            await store.deliver(message(f"m{number}"), RECIPIENTS, sent_copy_for=6)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()

    await asyncio.gather(*(worker() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
