"""REPLACE: one message comes and another goes in one transaction (RFC 8508)."""

from __future__ import annotations

import asyncio

import pytest

from imap.backend import Account, FlagAction, MailboxRef
from imap.errors import MailboxNotFound, MessageGone, OverQuota, TooManyKeywords
from imap.flags import DELETED, DRAFT
from mailgate.store import MailStore
from tests.store.messages import known, message, new_message, rows, status, whole


async def drafts(account: Account) -> MailboxRef:
    return (await status(account, "Drafts")).ref


async def test_within_a_mailbox(alice: Account) -> None:
    box = await drafts(alice)
    await alice.append("Drafts", [new_message("one"), new_message("two", flags=DRAFT)])
    before = known(await alice.snapshot(box))
    replaced = await alice.replace(box, 2, "Drafts", new_message("longer than two", flags=DELETED, date=7))
    assert (replaced.appended.mailbox, list(replaced.appended.uids)) == (box, [3])
    assert await whole(alice, box) == {1: message("one"), 3: message("longer than two")}
    snapshot = await alice.snapshot(box)
    assert rows(snapshot) == [(1, 0, 2), (3, DELETED, 3)]
    assert (snapshot.uidnext, snapshot.highestmodseq, replaced.modseq) == (4, 3, 3)
    changes = await alice.changes(box, before)
    assert ([change.uid for change in changes.changed], list(changes.vanished)) == ([3], [2])
    counters = await status(alice, "Drafts")
    assert (counters.messages, counters.unseen, counters.deleted) == (2, 2, 1)
    assert counters.size == len(message("one") + message("longer than two"))
    assert [entry.internal_date for entry in await alice.entries(box, [3])] == [7]


async def test_across_mailboxes(alice: Account) -> None:
    box = await drafts(alice)
    await alice.append("Drafts", [new_message("one"), new_message("two")])
    replaced = await alice.replace(box, 1, "Sent", new_message("one, sent", keywords=("Done",)))
    sent = await status(alice, "Sent")
    assert (replaced.appended.mailbox, replaced.appended.uidvalidity) == (sent.ref, sent.uidvalidity)
    assert await whole(alice, sent.ref) == {1: message("one, sent")}
    assert (await alice.snapshot(sent.ref)).keywords == ("Done",)
    assert await whole(alice, box) == {2: message("two")}
    left = await alice.snapshot(box)
    assert (left.highestmodseq, replaced.modseq) == (3, 3)
    assert list((await alice.vanished(box, 2)).uids) == [1]
    counters = await status(alice, "Drafts")
    assert (counters.messages, counters.unseen, counters.size) == (1, 1, len(message("two")))


async def test_by_the_same_content(alice: Account) -> None:
    box = await drafts(alice)
    await alice.append("Drafts", [new_message()])
    await alice.replace(box, 1, "Drafts", new_message())
    assert await whole(alice, box) == {2: message()}


async def test_what_fails_leaves_everything_as_it_was(alice: Account) -> None:
    box = await drafts(alice)
    await alice.append("Drafts", [new_message()])
    before = await alice.snapshot(box)
    with pytest.raises(MessageGone):
        await alice.replace(box, 2, "Drafts", new_message("new"))
    with pytest.raises(MailboxNotFound):
        await alice.replace(box, 1, "Nowhere", new_message("new"))
    with pytest.raises(TooManyKeywords):
        await alice.replace(box, 1, "Sent", new_message("new", keywords=tuple(f"k{number}" for number in range(59))))
    assert await alice.snapshot(box) == before
    assert (await status(alice, "Sent")).uidnext == 1


async def test_of_two_at_once_one_finds_the_message(alice: Account) -> None:
    box = await drafts(alice)
    await alice.append("Drafts", [new_message()])
    done = await asyncio.gather(
        *(alice.replace(box, 1, "Drafts", new_message(f"new {number}")) for number in range(4)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["MessageGone"] * 3 + ["Replaced"]
    assert (await status(alice, "Drafts")).messages == 1


async def test_only_the_difference_counts_for_the_quota(store: MailStore) -> None:
    size = len(message(size=1000))
    await store.create_accounts([(100, size + 100)])
    account = store.account(100, "quota@example.org")
    box = await drafts(account)
    await account.append("Drafts", [new_message(size=1000)])
    with pytest.raises(OverQuota):
        await account.append("Drafts", [new_message("b", size=1000)])
    with pytest.raises(OverQuota):
        await account.replace(box, 1, "Sent", new_message("b", size=1300))
    await account.replace(box, 1, "Sent", new_message("b", size=1000))
    await account.store((await status(account, "Sent")).ref, [1], FlagAction.ADD, DELETED, ())
    assert (await account.quota()).messages == 1
