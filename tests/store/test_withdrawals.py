"""Copies taken out of many mailboxes at once: what EXPUNGE leaves, in sets; and the race with who opens one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from imap.backend import Account, FlagAction, MailboxRef, Rendering
from imap.flags import DELETED, SEEN
from mailgate.database import Database
from mailgate.store import MailStore, collector, maintenance, withdrawals
from mailgate.store.contents import content_key
from mailgate.store.withdrawals import Copy
from tests.store.messages import Hints, known, message, own, status, whole
from tests.store.shares import OFFICE, office

TEXT = message("oops")
CONTENT = content_key(TEXT)
NOW = 1_800_000_000


async def holders(database: Database) -> list[Copy]:
    return await database.read(lambda tx: withdrawals.holders(tx, [CONTENT]))


async def withdraw(database: Database, copies: Sequence[Copy] | None = None, *, unread_only: bool = False) -> int:
    found = await holders(database) if copies is None else copies
    kind: withdrawals.Kind = "recall" if unread_only else "purge"
    return await database.write(
        lambda tx: withdrawals.withdraw(tx, "cafe01", found, kind, NOW, unread_only=unread_only)
    )


async def test_every_copy_goes_and_nothing_else(store: MailStore, database: Database, alice: Account) -> None:
    await store.deliver(message("before"), range(1, 21))
    await store.deliver(TEXT, range(1, 21), sent_copy_for=30)
    await store.deliver(message("after"), range(1, 21))
    await alice.copy(own(alice), [2], "Archive")
    await alice.store(own(alice), [2], FlagAction.ADD, SEEN | DELETED, [])
    bob = store.account(2, "bob")
    await bob.move(own(bob), [2], "Trash")
    before = known(await alice.snapshot(own(alice)))
    used = (await alice.quota()).used
    assert len(await holders(database)) == 22
    hints = Hints(alice)
    assert await withdraw(database) == 22
    await hints.until(lambda hint: 1 in (hint.mailbox_ids or ()))
    hints.stop()
    assert await holders(database) == []
    inbox = await status(alice, "INBOX")
    assert (inbox.messages, inbox.unseen, inbox.deleted, inbox.size) == (
        2,
        2,
        0,
        len(message("before")) + len(message("after")),
    )
    assert (await alice.quota()).used == used - 2 * len(TEXT)
    changes = await alice.changes(own(alice), before)
    assert list(changes.vanished) == [2]
    assert changes.highestmodseq == before.modseq + 1
    assert (await status(bob, "Trash")).messages == 0
    assert await maintenance.check_counters(database) == []
    assert await withdraw(database) == 0


async def test_the_record_says_what_was_true_of_each(store: MailStore, database: Database, alice: Account) -> None:
    await store.deliver(TEXT, [1, 2, 3])
    await alice.store(own(alice), [1], FlagAction.ADD, SEEN, [])
    await alice.copy(own(alice), [1], "Archive")
    assert await withdraw(database) == 4
    record = await database.read(lambda tx: withdrawals.withdrawn(tx, "cafe01"))
    assert [(one.kept.copy.account_id, one.kept.mailbox, one.kept.seen, one.kind, one.at) for one in record] == [
        (1, "INBOX", True, "purge", NOW),
        (1, "Archive", True, "purge", NOW),
        (2, "INBOX", False, "purge", NOW),
        (3, "INBOX", False, "purge", NOW),
    ]
    assert all(one.kept.arrived_at for one in record)


async def test_what_somebody_opened_stays_in_a_recall(store: MailStore, database: Database, alice: Account) -> None:
    await store.deliver(TEXT, [1, 2, 3])
    await alice.store(own(alice), [1], FlagAction.ADD, SEEN, [])
    assert await withdraw(database, unread_only=True) == 2
    assert [copy.account_id for copy in await holders(database)] == [1]
    assert await whole(alice) == {1: TEXT}


async def test_readers_of_a_shared_mailbox(store: MailStore, database: Database, alice: Account) -> None:
    await office(database, {1: "lrswite", 2: "lrswite"})
    bob = store.account(2, "bob")
    shared = MailboxRef(OFFICE, 1)
    for text in (message("a"), TEXT, message("b")):
        await store.deliver(text, [OFFICE])
    await alice.store(shared, [1, 2], FlagAction.ADD, SEEN, [])
    assert await withdraw(database, unread_only=True) == 0
    [kept] = await database.read(lambda tx: withdrawals.describe(tx, [Copy(OFFICE, 1, 2)]))
    assert (kept.seen, kept.readers, kept.read) == (False, (1,), True)
    assert await withdraw(database) == 1
    [record] = await database.read(lambda tx: withdrawals.withdrawn(tx, "cafe01"))
    assert record.kept.readers == (1,)
    assert (await status(alice, "Shared/Office")).unseen == 1
    assert (await status(bob, "Shared/Office")).unseen == 2


async def test_a_recall_takes_the_copy_of_an_archive_whoever_opened_it(
    store: MailStore, database: Database, alice: Account
) -> None:
    await office(database, {1: "lrs", 2: "lrs"}, kind="archive")
    await store.deliver(TEXT, [1, 2, OFFICE])
    await alice.store(own(alice), [1], FlagAction.ADD, SEEN, [])
    await alice.store(MailboxRef(OFFICE, 1), [1], FlagAction.ADD, SEEN, [])
    assert await withdraw(database, unread_only=True) == 2
    assert [copy.account_id for copy in await holders(database)] == [1]
    record = await database.read(lambda tx: withdrawals.withdrawn(tx, "cafe01"))
    assert [(one.kept.copy.account_id, one.kept.readers) for one in record] == [(2, ()), (OFFICE, (1,))]


async def test_opening_wins_or_loses(store: MailStore, database: Database) -> None:
    """Each account opens its copy while it is taken back: the mark is there, or the message is gone, never neither."""
    accounts = range(1, 21)
    await store.deliver(TEXT, accounts)
    copies = await holders(database)

    async def open_(account_id: int) -> int:
        account = store.account(account_id, "")
        await account.store(own(account), [1], FlagAction.ADD, SEEN, [])
        return 0

    async def take_back() -> int:
        taken = 0
        for start in range(0, len(copies), 4):
            taken += await withdraw(database, copies[start : start + 4], unread_only=True)
        return taken

    taken, *_ = await asyncio.gather(take_back(), *(open_(account_id) for account_id in reversed(accounts)))
    left = await holders(database)
    assert taken + len(left) == len(copies)
    for account_id in accounts:
        inbox = await status(store.account(account_id, ""), "INBOX")
        assert (inbox.messages, inbox.unseen) in {(1, 0), (0, 0)}
    assert await maintenance.check_counters(database) == []


async def test_a_content_that_nobody_holds_is_gone_at_once(
    store: MailStore, database: Database, alice: Account
) -> None:
    await store.deliver(TEXT, [1, 2])
    [entry] = await alice.entries(own(alice), [1])
    assert await alice.read_whole([entry.message_id])
    assert await collector.collect_now(database, [CONTENT]) == []
    await withdraw(database)
    told = asyncio.Event()
    stop = database.listen(lambda payload: told.set() if (payload or "").startswith(collector.GONE) else None)
    assert await collector.collect_now(database, [CONTENT]) == [CONTENT]
    await asyncio.wait_for(told.wait(), 10)
    stop()
    assert not await alice.read_whole([CONTENT])
    assert not await alice.rendered([CONTENT], Rendering.ENVELOPE)
    await store.deliver(TEXT, [1])
    assert await whole(alice) == {2: TEXT}


async def test_a_delivery_at_the_same_moment_is_never_without_its_content(store: MailStore, database: Database) -> None:
    for number in range(1, 11):
        account = store.account(number, "")
        await store.deliver(TEXT, [number])
        await withdraw(database)
        await asyncio.gather(store.deliver(TEXT, [number]), collector.collect_now(database, [CONTENT]))
        assert list((await whole(account)).values()) == [TEXT]
        await withdraw(database)
