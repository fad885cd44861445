"""APPEND: all or none, within the quota and the limit of size."""

from __future__ import annotations

import asyncio

import pytest

from imap.backend import Account
from imap.errors import MailboxNotFound, MessageTooLarge, OverQuota, TooManyKeywords
from imap.flags import DELETED, DRAFT, MAX_KEYWORDS, SEEN
from mailgate.database import Database
from mailgate.store import MailStore, messages
from mailgate.store.contents import content_key
from mailgate.store.search.queue import queue_length
from tests.store.messages import known, message, new_message, own, rows, status, whole


async def test_messages_are_filed_in_order_with_flags_keywords_and_dates(alice: Account) -> None:
    first = new_message("1", flags=SEEN | DRAFT, keywords=("a",), date=1234)
    appended = await alice.append("Drafts", [first, new_message("2", flags=DELETED, keywords=("b", "A"))])
    drafts = await status(alice, "Drafts")
    assert (appended.uidvalidity, list(appended.uids)) == (drafts.uidvalidity, [1, 2])
    assert (drafts.messages, drafts.unseen, drafts.deleted, drafts.recent) == (2, 1, 1, 2)
    assert rows(await alice.snapshot(own(alice, 3))) == [(1, SEEN | DRAFT | 32, 2), (2, DELETED | 32 | 64, 2)]
    assert await whole(alice, own(alice, 3)) == {1: message("1"), 2: message("2")}
    assert (await alice.entries(own(alice, 3), [1]))[0].internal_date == 1234


async def test_the_same_content_twice_in_one_append(alice: Account) -> None:
    await alice.append("INBOX", [new_message("1"), new_message("1")])
    assert await whole(alice) == {1: message("1"), 2: message("1")}


async def test_all_or_none(alice: Account) -> None:
    too_many = tuple(f"k{number}" for number in range(MAX_KEYWORDS + 1))
    with pytest.raises(TooManyKeywords):
        await alice.append("INBOX", [new_message("1"), new_message("2", keywords=too_many)])
    inbox = await status(alice, "INBOX")
    assert (inbox.messages, inbox.uidnext, inbox.highestmodseq) == (0, 1, 1)
    with pytest.raises(MailboxNotFound):
        await alice.append("Nowhere", [new_message()])


async def test_a_message_above_the_limit_is_refused(database: Database, store: MailStore) -> None:
    account = MailStore(database, append_limit=1000).account(1, "")
    assert account.append_limit == 1000
    with pytest.raises(MessageTooLarge):
        await account.append("INBOX", [new_message(), new_message(size=1500)])
    assert (await status(account, "INBOX")).messages == 0


async def test_the_quota_holds_against_appends_at_once(store: MailStore) -> None:
    size = len(message("0"))
    await store.create_accounts([(100, 5 * size)])
    account = store.account(100, "")
    outcomes = await asyncio.gather(
        *(account.append(box, [new_message(str(number))]) for number, box in enumerate(["INBOX", "Sent", "Junk"] * 3)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, OverQuota) for outcome in outcomes) == 4
    quota = await account.quota()
    assert (quota.used, quota.limit, quota.messages) == (5 * size, 5 * size, 5)


@pytest.mark.parametrize("size", [1000, 100_000])
async def test_what_is_refused_leaves_nothing(database: Database, store: MailStore, size: int) -> None:
    await store.create_accounts([(100, size)])
    account = store.account(100, "")
    for box, refused in ("INBOX", OverQuota), ("Nowhere", MailboxNotFound):
        with pytest.raises(refused):
            await account.append(box, [new_message(size=size + 1)])
    key = content_key(message(size=size + 1))
    assert await database.read(lambda tx: messages.read_chunks(tx, [key])) == {}
    assert await database.read(queue_length) == 0


async def test_what_arrived_is_told_as_the_log_has_it(alice: Account) -> None:
    await alice.append("INBOX", [new_message("1", keywords=("a",))])
    before = known(await alice.snapshot(own(alice)))
    two = [new_message("2", flags=SEEN, keywords=("b",)), new_message("3")]
    appended = await alice.append("INBOX", two)
    changes = await alice.changes(own(alice), before)
    assert (appended.arrived, appended.keywords) == (changes.changed, changes.keywords)
    assert {change.modseq for change in appended.arrived} == {changes.highestmodseq}


async def test_delivery_goes_on_when_a_mailbox_is_full(store: MailStore) -> None:
    """A list of a thousand parents must reach them all: the policy refuses a full mailbox at RCPT TO, not here."""
    await store.create_accounts([(100, 10)])
    await store.deliver(message(), [1, 100])
    assert (await status(store.account(100, ""), "INBOX")).messages == 1


async def test_a_large_append_is_taken_whole(alice: Account) -> None:
    await alice.append("INBOX", [new_message("big", size=700_000)])
    assert await whole(alice) == {1: message("big", size=700_000)}
