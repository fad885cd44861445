"""One delivery reaches every INBOX in one transaction, and is stored once."""

from __future__ import annotations

import asyncio
import tempfile
import tracemalloc

import pytest
from sqlalchemy import bindparam, func, insert, select

from imap.backend import Account, MailboxStatus, Rendering
from imap.flags import SEEN
from imap.message import PartTable
from mailgate.database import Database, Statement, Tx
from mailgate.store import AccountNotFound, MailStore, Parcel, hierarchy
from mailgate.store.schema import acl, body_chunk, shared_account
from mailgate.store.schema import message as message_table
from tests.store.messages import INBOX, Hints, message, own, rows, status, whole

CONTENTS = Statement(select(func.count(message_table.c.message_id)))
CHUNKS = Statement(select(body_chunk.c.chunk, func.length(body_chunk.c.data)).order_by(body_chunk.c.chunk))
SHARED = Statement(insert(shared_account).values({one.name: bindparam(one.name) for one in shared_account.c}))
RIGHT = Statement(insert(acl).values({one.name: bindparam(one.name) for one in acl.c}))
RIGHTS = Statement(
    select(acl.c.account_id, acl.c.mailbox_id, acl.c.rights).order_by(acl.c.account_id, acl.c.mailbox_id)
)


async def contents(database: Database) -> int:
    row = await database.read(lambda tx: tx.one(CONTENTS))
    assert row is not None
    return int(row[0])


async def test_a_delivery_to_many_is_one_content_and_one_row_each(store: MailStore, database: Database) -> None:
    await store.deliver(message(), range(1, 21), internal_date=1_700_000_000)
    for account_id in (1, 7, 20):
        account = store.account(account_id, "")
        inbox = await status(account, "INBOX")
        assert (inbox.messages, inbox.unseen, inbox.recent, inbox.deleted) == (1, 1, 1, 0)
        assert (inbox.uidnext, inbox.highestmodseq, inbox.size) == (2, 2, len(message()))
        [entry] = await account.entries(own(account), [1])
        assert (entry.internal_date, entry.size) == (1_700_000_000, len(message()))
        assert await whole(account) == {1: message()}
    assert (await status(store.account(21, ""), "INBOX")).messages == 0
    assert await contents(database) == 1


async def test_the_same_content_delivered_again_is_stored_once_and_shown_twice(
    store: MailStore, database: Database, alice: Account
) -> None:
    await store.deliver(message(), [1])
    await store.deliver(message(), [1, 2])
    assert await whole(alice) == {1: message(), 2: message()}
    assert await contents(database) == 1


async def test_the_senders_copy_is_seen_and_in_sent(store: MailStore, alice: Account) -> None:
    await store.deliver(message(), [1, 2], sent_copy_for=1)
    sent = await status(alice, "Sent")
    assert (sent.messages, sent.unseen, sent.special_use) == (1, 0, "\\Sent")
    assert rows(await alice.snapshot(sent.ref)) == [(1, SEEN, 2)]
    assert (await status(alice, "INBOX")).unseen == 1


async def test_a_message_to_outside_only_still_leaves_the_senders_copy(store: MailStore, alice: Account) -> None:
    await store.deliver(message(), [], sent_copy_for=1)
    assert (await status(alice, "Sent")).messages == 1
    assert (await status(alice, "INBOX")).messages == 0


async def test_several_copies_of_one_message_are_one_transaction(
    store: MailStore, alice: Account, bob: Account
) -> None:
    listed = b"List-Id: <a.example.org>\r\n" + message()
    both = [Parcel(message(), frozenset({1}), sent_copy_for=3), Parcel(listed, frozenset({2, 3}))]
    await store.deliver_all(both)
    assert (await whole(alice), await whole(bob)) == ({1: message()}, {1: listed})
    assert (await status(store.account(3, ""), "Sent")).messages == 1

    async def refuse(_: Tx) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await store.deliver_all(both, first=refuse)
    assert (await whole(alice), await whole(bob)) == ({1: message()}, {1: listed})


async def test_copies_that_cross_each_other_wait_and_never_deadlock(store: MailStore) -> None:
    def copies(number: int) -> list[Parcel]:
        one, other = frozenset(range(1, 11)), frozenset(range(11, 21))
        texts = [b"X-Number: %d\r\n" % number + message(), b"X-Number: -%d\r\n" % number + message()]
        return [Parcel(texts[number % 2], other), Parcel(texts[1 - number % 2], one)][:: 1 if number % 2 else -1]

    await asyncio.gather(*(store.deliver_all(copies(number)) for number in range(16)))
    for account_id in range(1, 21):
        assert (await status(store.account(account_id, ""), "INBOX")).messages == 16


async def test_an_unknown_account_means_that_nobody_gets_the_message(
    store: MailStore, database: Database, alice: Account
) -> None:
    with pytest.raises(AccountNotFound) as refused:
        await store.deliver(message(), [1, 2, 998, 999], sent_copy_for=1)
    assert refused.value.account_ids == {998, 999}
    assert (await status(alice, "INBOX")).messages == 0
    assert await contents(database) == 0


async def test_what_imap_shows_was_rendered_at_delivery(store: MailStore, alice: Account) -> None:
    await store.deliver(message("x"), [1])
    [entry] = await alice.entries(own(alice), [1])
    both = Rendering.ENVELOPE | Rendering.HEADER
    shown = (await alice.rendered([entry.message_id], both))[entry.message_id]
    assert b"anne" in shown.envelope
    assert shown.header.endswith(b"\r\n\r\n")
    assert shown.bodystructure == shown.listing == shown.parts == b""
    parts = (await alice.rendered([entry.message_id, b"\0" * 20], Rendering.PARTS))[entry.message_id].parts
    assert PartTable.decode(parts).section(()) == (0, len(message("x")))


async def test_watchers_hear_of_their_own_account_only(store: MailStore, alice: Account, bob: Account) -> None:
    hers, his = Hints(alice), Hints(bob)
    await store.deliver(message(), [2, 3])
    await his.until(lambda hint: hint.mailbox_ids is None or INBOX in hint.mailbox_ids)
    assert hers.pending() == []
    await store.deliver(message(), [1])
    [*_, hint] = await hers.until(lambda hint: hint.mailbox_ids is None or INBOX in hint.mailbox_ids)
    assert not hint.mailboxes_changed
    hers.stop()
    his.stop()


async def test_a_fan_out_tells_every_recipient(store: MailStore, database: Database) -> None:
    await store.create_accounts([(account_id, 0) for account_id in range(1000, 1700)])
    hints = [Hints(store.account(account_id, "")) for account_id in range(1000, 1700)]
    await store.deliver(message(), range(1000, 1700))
    await asyncio.gather(*(hint.until(lambda hint: INBOX in (hint.mailbox_ids or ())) for hint in hints))


@pytest.mark.parametrize("rolled", [False, True])
async def test_a_file_is_taken_from_memory_or_disk(store: MailStore, alice: Account, rolled: bool) -> None:  # noqa: FBT001
    with tempfile.SpooledTemporaryFile(max_size=100 if rolled else 10_000_000) as file:
        file.write(message(size=5000))
        await store.deliver(file, [1])
    assert await whole(alice) == {1: message(size=5000)}


async def test_an_empty_message_is_a_message(store: MailStore, alice: Account) -> None:
    with tempfile.TemporaryFile() as file:
        await store.deliver(file, [1])
    assert await whole(alice) == {1: b""}


async def test_a_large_message_takes_little_memory(store: MailStore, database: Database, alice: Account) -> None:
    size = 30 * 1024 * 1024
    with tempfile.TemporaryFile() as file:
        file.write(message())
        block = bytes(range(33, 109)) + b"\r\n"
        file.writelines(b"%d" % number + block * 400 for number in range(size // 31200))
        total = file.tell()
        tracemalloc.start()
        try:
            await store.deliver(file, [1, 2])
            _, peak = tracemalloc.get_traced_memory()
            assert peak < 8 * 1024 * 1024
            [entry] = await alice.entries(own(alice), [1])
            assert entry.size == total
            tracemalloc.reset_peak()
            start = 17 * 1024 * 1024 + 5
            part = await alice.read(entry.message_id, start, start + 100_000)
            _, peak = tracemalloc.get_traced_memory()
            assert peak < 4 * 1024 * 1024
        finally:
            tracemalloc.stop()
        file.seek(start)
        assert part == file.read(100_000)
    chunks = await database.read(lambda tx: tx.all(CHUNKS))
    assert [row[0] for row in chunks] == list(range(-(-total // (256 * 1024))))


async def junk_of(account: Account) -> MailboxStatus:
    """The mailbox with that use."""
    [found] = [one for one in await account.mailboxes() if one.special_use == "\\Junk"]
    return found


async def test_junk_goes_to_the_mailbox_with_that_use(store: MailStore, alice: Account, bob: Account) -> None:
    """Whatever its name; it is made where somebody deleted it, and a mailbox of that name gets the use."""
    for account in (alice, bob, store.account(3, "")):
        await account.delete("Junk")
    await alice.create("Spam", "\\Junk")
    await bob.create("Junk")
    await store.deliver_all(
        [Parcel(message("spam"), frozenset(range(1, 6)), junk=True), Parcel(message("notice"), frozenset({1}))],
        internal_date=1_700_000_000,
    )
    for account_id, name in enumerate(["Spam", "Junk", "Junk", "Junk", "Junk"], 1):
        account = store.account(account_id, "")
        junk = await junk_of(account)
        assert (junk.name, junk.messages, junk.unseen, junk.recent) == (name, 1, 1, 1)
        assert rows(await account.snapshot(junk.ref)) == [(1, 0, 2)]
        assert (await status(account, "INBOX")).messages == (1 if account_id == 1 else 0)
        assert name in await account.subscriptions()
    [entry] = await alice.entries((await junk_of(alice)).ref, [1])
    assert (entry.internal_date, entry.size) == (1_700_000_000, len(message("spam")))


async def test_junk_of_a_shared_mailbox_is_found_by_its_readers(store: MailStore, database: Database) -> None:
    async def share(tx: Tx) -> None:
        await tx.run(SHARED, account_id=9, name="bureau@example.org", kind="", target_id=0)
        await tx.run(RIGHT, account_id=9, mailbox_id=1, grantee="person", grantee_id=1, negative=0, rights="lrs")
        await tx.run(RIGHT, account_id=8, mailbox_id=1, grantee="person", grantee_id=1, negative=0, rights="lrs")

    await database.write(share)
    for account_id in (8, 9):
        await store.account(account_id, "").delete("Junk")
    await store.deliver_all([Parcel(message(), frozenset({8, 9}), junk=True)])
    given = await database.read(lambda tx: tx.all(RIGHTS))
    junk = await junk_of(store.account(9, ""))
    assert [tuple(row) for row in given] == [(8, 1, "lrs"), (9, 1, "lrs"), (9, junk.ref.mailbox_id, "lrs")]


async def test_junk_that_has_no_mailbox_to_go_to_goes_to_inbox(
    store: MailStore, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alice.delete("Junk")
    monkeypatch.setattr(hierarchy, "MAX_MAILBOXES", 5)
    await store.deliver_all([Parcel(message(), frozenset({1, 2}), junk=True)])
    assert (await status(alice, "INBOX")).messages == 1
    assert (await status(store.account(2, ""), "INBOX")).messages == 0
    with pytest.raises(AccountNotFound) as refused:
        await store.deliver_all([Parcel(message(), frozenset({2, 999}), junk=True)])
    assert refused.value.account_ids == {999}


async def test_junk_and_the_mailbox_deleted_at_once(store: MailStore, alice: Account) -> None:
    """Every copy is somewhere, or went with the mailbox it was in."""
    for number in range(10):
        await asyncio.gather(
            store.deliver_all([Parcel(message(f"spam {number}"), frozenset({1, 2, 3}), junk=True)]),
            alice.delete("Junk"),
        )
        left = [one.messages for one in await alice.mailboxes() if one.special_use == "\\Junk"]
        assert left in ([], [1])
        if not left:
            await alice.create("Junk", "\\Junk")
    assert (await junk_of(store.account(2, ""))).messages == 10
