"""Delivers without end, and prints the number of each message once the store has acknowledged it: to be killed.

With ``flags`` it marks the messages of account 7 instead, one after the other, and prints their UIDs.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from imap.backend import MailboxRef, Marking
from imap.flags import FLAGGED
from mailgate.database import open_database
from mailgate.store import MailStore
from tests.store.messages import message

RECIPIENTS = (1, 2, 3, 4, 5)


async def mark(store: MailStore) -> None:
    account, ref = store.account(7, ""), MailboxRef(7, 1)
    snapshot = await account.snapshot(ref)
    stamp = snapshot.stamp
    for since, uid in enumerate(snapshot.uids, snapshot.highestmodseq):
        change = Marking(since, stamp, since + 1, [uid], [FLAGGED], [since + 1], unseen=0, deleted=0)
        marked = await account.mark(ref, change)
        assert marked is not None
        stamp = marked
        sys.stdout.write(f"{uid}\n")
        sys.stdout.flush()
    await asyncio.Event().wait()


async def main(url: str, what: str) -> None:
    store = MailStore(await open_database(url))
    if what == "flags":
        await mark(store)
    numbers = itertools.count()

    async def worker() -> None:
        for number in numbers:
            await store.deliver(message(f"m{number}"), RECIPIENTS, sent_copy_for=6)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()

    await asyncio.gather(*(worker() for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
