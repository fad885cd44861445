"""Contents go when the last copy has gone for long enough, and never before."""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import func, select, update

from imap.backend import Account, FlagAction
from imap.flags import DELETED
from mailgate.database import Database, Statement, Tx
from mailgate.store import MailStore
from mailgate.store.collector import collect
from mailgate.store.schema import body_chunk, released
from mailgate.store.schema import message as message_table
from tests.store.messages import INBOX, message, own, whole

LEFT = {
    table.name: Statement(select(func.count()).select_from(table)) for table in (message_table, body_chunk, released)
}


DAY = 24 * 3600
AGING = (
    Statement(update(message_table).values(stored_at=message_table.c.stored_at - DAY)),
    Statement(update(released).values(released_at=released.c.released_at - DAY)),
)


async def age(tx: Tx) -> None:
    """Let a day go by."""
    for statement in AGING:
        await tx.run(statement)


async def left(database: Database) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, statement in LEFT.items():
        row = await database.read(lambda tx, statement=statement: tx.one(statement))  # type: ignore[misc]
        found[name] = row[0]
    return found


async def drop(account: Account, mailbox_id: int = INBOX) -> None:
    uids = (await account.snapshot(own(account, mailbox_id))).uids
    await account.store(own(account, mailbox_id), uids, FlagAction.ADD, DELETED, [])
    await account.expunge(own(account, mailbox_id), None)


def much_later() -> int:
    return int(time.time()) + 10 * 24 * 3600


async def test_a_content_outlives_its_copies_by_the_grace(store: MailStore, database: Database, alice: Account) -> None:
    await store.deliver(message(size=600_000), [1])
    await drop(alice)
    assert await collect(database) == 0
    assert (await left(database))["body_chunk"] == 3
    assert await collect(database, now=much_later()) == 1
    assert await left(database) == {"message": 0, "body_chunk": 0, "released": 0}


async def test_a_content_that_anyone_holds_stays(
    store: MailStore, database: Database, alice: Account, bob: Account
) -> None:
    await store.deliver(message(), [1, 2])
    await drop(alice)
    assert await collect(database, now=much_later()) == 0
    assert await left(database) == {"message": 1, "body_chunk": 1, "released": 0}
    await drop(bob)
    assert await collect(database, now=much_later()) == 1


async def test_a_moved_or_copied_message_stays(store: MailStore, database: Database, alice: Account) -> None:
    await store.deliver(message("1"), [1])
    await store.deliver(message("2"), [1])
    await alice.copy(own(alice), [1], "Archive")
    await alice.move(own(alice), [2], "Archive")
    await drop(alice)
    assert await collect(database, now=much_later()) == 0
    assert await whole(alice, own(alice, 6)) == {1: message("1"), 2: message("2")}


async def test_the_messages_of_a_deleted_mailbox_go(store: MailStore, database: Database, alice: Account) -> None:
    made = await alice.create("A")
    await store.deliver(message(), [1])
    await alice.copy(own(alice), [1], "A")
    await alice.move(own(alice), [1], "A")
    assert (await alice.snapshot(made.ref)).uidnext == 3
    await alice.delete("A")
    assert await collect(database, now=much_later()) == 1


async def test_a_content_that_comes_back_is_kept(store: MailStore, database: Database, alice: Account) -> None:
    await store.deliver(message(), [1])
    await drop(alice)
    await store.deliver(message(), [1])
    assert await collect(database, now=much_later()) == 0
    assert await whole(alice) == {2: message()}
    await drop(alice)
    assert await collect(database, now=much_later()) == 1


async def test_a_content_that_is_delivered_while_it_is_collected_is_whole(store: MailStore, database: Database) -> None:
    """Whoever comes first, each message that was delivered can be read."""
    for round_ in range(15):
        contents = [message(f"{round_}-{number}") for number in range(8)]
        for content in contents:
            await store.deliver(content, [1])
        await drop(store.account(1, ""))
        await database.write(age)
        await asyncio.gather(
            *(store.deliver(content, [2, 3]) for content in contents),
            collect(database, grace=DAY // 2),
            *(store.deliver(content, [4]) for content in reversed(contents)),
        )
        for account_id in (2, 3, 4):
            found = await whole(store.account(account_id, ""))
            assert set(contents) <= set(found.values())
