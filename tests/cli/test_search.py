"""`mailgate search`: the index of texts."""

from __future__ import annotations

import asyncio

from mailgate.config import load
from mailgate.database import open_database
from mailgate.store import MailStore
from tests.cli.command import Command


def deliver(command: Command, count: int) -> None:
    """Messages to an account of their own, written past the gateway: nothing indexes them."""

    async def work() -> None:
        database = await open_database(load(command.config).database.url)
        store = MailStore(database)
        await store.create_accounts([(9_000_001, 0)])
        for number in range(count):
            await store.deliver(b"Subject: cantine %d\r\n\r\nBonjour\r\n" % number, [9_000_001])
        await database.close()

    asyncio.run(work())


def test_what_waits_is_told_and_indexed(either: Command) -> None:
    assert either.good("search", "status", "--json").json == {"indexed": 0, "waiting": 0, "words": 0}
    deliver(either, 20)
    assert either.good("search", "status", "--json").json == {"indexed": 0, "waiting": 20, "words": 0}
    done = either.good("search", "reindex", "--json").json
    assert (done["indexed"], done["waiting"]) == (20, 0)
    again = either.good("search", "reindex").out.split()
    assert again == ["indexed", "20", "waiting", "0", "words", str(done["words"])]
