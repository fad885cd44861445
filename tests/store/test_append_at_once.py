"""APPEND of one small message: on PostgreSQL one statement, which is as exact as a transaction."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

import pytest
from sqlalchemy import BigInteger, bindparam, literal_column, select, table, update

from imap.backend import Account, Appended
from imap.errors import OverQuota
from imap.flags import SEEN
from mailgate.database import Database, Statement, Tx
from mailgate.store import MailStore, appends, messages
from mailgate.store.appends import Arrival
from mailgate.store.contents import content_key, prepare
from mailgate.store.hierarchy import create
from mailgate.store.schema import account, mailbox
from mailgate.store.search.queue import queue_length
from tests.store.messages import message, new_message, status

_LOCK = Statement(select(account.c.account_id).where(account.c.account_id == 100).with_for_update())
_FILL = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == 100, mailbox.c.name == bindparam("box"))
    .values(size=bindparam("octets", type_=BigInteger))
)
_WAITING = Statement(
    select(literal_column("1"))
    .select_from(table("pg_stat_activity"))
    .where(
        literal_column("datname") == literal_column("current_database()"), literal_column("wait_event_type = 'Lock'")
    )
)


async def append_one(database: Database, owner: int, box: str, text: str, *keywords: str) -> Appended | None:
    with ExitStack() as stack:
        arrival = Arrival(await prepare(message(text), stack), SEEN, keywords, 1234)
        now = int(time.time())
        return await database.write_alone(lambda tx: appends.append_one(tx, owner, box, arrival, now), durable=True)


async def test_it_is_one_statement_for_most_messages(database: Database, store: MailStore) -> None:
    await store.create_accounts([(100, 10_000_000)])
    for owner in (1, 100):
        for number, text in enumerate(("same", "other", "same"), start=1):
            appended = await append_one(database, owner, "Sent", text)
            assert appended is not None
            assert (list(appended.uids), appended.arrived[0].modseq) == ([number], number + 1)
            sent = await status(store.account(owner, ""), "Sent")
            assert (appended.mailbox, appended.uidvalidity) == (sent.ref, sent.uidvalidity)
        assert (sent.messages, sent.unseen, sent.uidnext, sent.highestmodseq) == (3, 0, 4, 4)
    assert await database.read(queue_length) == 2


async def test_it_writes_nothing_of_what_it_leaves_to_more_statements(database: Database, store: MailStore) -> None:
    await store.create_accounts([(100, 10)])
    assert await append_one(database, 100, "Sent", "over quota") is None
    assert await append_one(database, 1, "Nowhere", "no such mailbox") is None
    assert await append_one(database, 1, "Sent", "with a keyword", "k") is None
    keys = [content_key(message(text)) for text in ("over quota", "no such mailbox", "with a keyword")]
    assert await database.read(lambda tx: messages.read_chunks(tx, keys)) == {}
    assert await database.read(queue_length) == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("box", ["Junk", "New"])
async def test_the_quota_counts_what_was_added_while_it_waited(database: Database, store: MailStore, box: str) -> None:
    await store.create_accounts([(100, 10_000)])
    waiting: list[asyncio.Task[Appended]] = []

    async def fill(tx: Tx) -> None:
        await tx.one(_LOCK)
        waiting.append(asyncio.create_task(append(store.account(100, ""))))
        async with asyncio.timeout(10):
            while True:
                if await database.read(lambda other: other.one(_WAITING)):
                    break
                await asyncio.sleep(0.01)
        if box == "New":
            await create(tx, 100, box, None, int(time.time()))
        await tx.run(_FILL, box=box, octets=9_500)

    async def append(owner: Account) -> Appended:
        return await owner.append("Sent", [new_message("late", size=1_000)])

    await database.write(fill)
    with pytest.raises(OverQuota):
        await waiting[0]
    assert await database.read(lambda tx: messages.read_chunks(tx, [content_key(message("late", size=1_000))])) == {}
