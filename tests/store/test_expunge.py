"""EXPUNGE, and what a client that comes back reads in the log (RFC 7162)."""

from __future__ import annotations

import time

import pytest

from imap.backend import EVERYTHING, Account, FlagAction
from imap.errors import MailboxNotFound
from imap.flags import DELETED, SEEN
from mailgate.database import Database
from mailgate.store import MailStore, maintenance
from tests.store.messages import known, message, own, status


@pytest.fixture(autouse=True)
async def five_messages(store: MailStore) -> None:
    for number in range(5):
        await store.deliver(message(str(number)), [1])


async def test_only_what_is_marked_goes(alice: Account) -> None:
    await alice.store(own(alice), [2, 4], FlagAction.ADD, DELETED, [])
    modseq, gone = await alice.expunge(own(alice), None)
    assert (modseq, list(gone)) == (8, [2, 4])
    inbox = await status(alice, "INBOX")
    assert (inbox.messages, inbox.deleted, inbox.unseen, inbox.uidnext) == (3, 0, 3, 6)
    assert inbox.size == 3 * len(message("0"))
    assert [entry.uid for entry in await alice.entries(own(alice), [1, 2, 3, 4, 5])] == [1, 3, 5]


async def test_uid_expunge_takes_only_those_named(alice: Account) -> None:
    await alice.store(own(alice), [1, 2, 3], FlagAction.ADD, DELETED, [])
    assert list((await alice.expunge(own(alice), [2, 3, 4, 99]))[1]) == [2, 3]
    assert (await status(alice, "INBOX")).deleted == 1


async def test_expunging_nothing_changes_nothing(alice: Account) -> None:
    assert await alice.expunge(own(alice), None) == (6, ())
    await alice.store(own(alice), [1], FlagAction.ADD, DELETED, [])
    modseq, gone = await alice.expunge(own(alice), [2])
    assert (modseq, list(gone)) == (7, [])


async def test_the_log_tells_who_comes_back(store: MailStore, alice: Account) -> None:
    left_at = known(await alice.snapshot(own(alice)))
    await alice.store(own(alice), [1, 3], FlagAction.ADD, DELETED, [])
    await alice.expunge(own(alice), None)
    await store.deliver(message("new"), [1])
    await alice.store(own(alice), [2], FlagAction.ADD, SEEN, ["k"])
    changes = await alice.changes(own(alice), left_at)
    assert [(change.uid, change.flags) for change in changes.changed] == [(2, SEEN | 32), (6, 0)]
    assert (list(changes.vanished), changes.complete, changes.uidnext) == ([1, 3], True, 7)
    assert changes.keywords == ("k",)
    assert changes.highestmodseq == (await alice.snapshot(own(alice))).highestmodseq
    nothing = await alice.changes(own(alice), known(changes))
    assert (list(nothing.changed), list(nothing.vanished)) == ([], [])


async def test_a_message_that_came_and_went_is_mentioned(store: MailStore, alice: Account) -> None:
    left_at = known(await alice.snapshot(own(alice)))
    await store.deliver(message("short"), [1])
    await alice.store(own(alice), [5, 6], FlagAction.ADD, DELETED, [])
    await alice.expunge(own(alice), None)
    assert list((await alice.changes(own(alice), left_at)).vanished) == [5, 6]
    assert list((await alice.vanished(own(alice), left_at.modseq + 1)).uids) == [5, 6]


async def test_a_trimmed_log_says_that_it_does_not_reach_back(
    store: MailStore, database: Database, alice: Account
) -> None:
    before = known(await alice.snapshot(own(alice)))
    await alice.store(own(alice), [1], FlagAction.ADD, DELETED, [])
    await alice.expunge(own(alice), None)
    after = known(await alice.snapshot(own(alice)))
    assert await maintenance.trim_tombstones(database) == 0
    assert (await alice.changes(own(alice), before)).complete
    later = int(time.time()) + 100
    assert await maintenance.trim_tombstones(database, retention=50, now=later) == 1
    assert not (await alice.changes(own(alice), before)).complete
    assert not (await alice.vanished(own(alice), before.modseq)).complete
    assert (await alice.changes(own(alice), after)).complete
    assert (await alice.vanished(own(alice), after.modseq)).complete
    await alice.store(own(alice), [2], FlagAction.ADD, DELETED, [])
    await alice.expunge(own(alice), None)
    changes = await alice.changes(own(alice), after)
    assert (list(changes.vanished), changes.complete) == ([2], True)


async def test_changes_of_a_deleted_mailbox(alice: Account) -> None:
    made = await alice.create("A")
    await alice.delete("A")
    with pytest.raises(MailboxNotFound):
        await alice.changes(made.ref, EVERYTHING)
    with pytest.raises(MailboxNotFound):
        await alice.vanished(made.ref, 1)


async def test_recent_messages_belong_to_the_first_session_that_sees_them(store: MailStore, alice: Account) -> None:
    assert (await alice.snapshot(own(alice))).recent_from == 1
    assert await alice.claim_recent(own(alice), 6) == 1
    assert (await status(alice, "INBOX")).recent == 0
    assert await alice.claim_recent(own(alice), 6) == 6
    await store.deliver(message("new"), [1])
    assert (await status(alice, "INBOX")).recent == 1
    assert await alice.claim_recent(own(alice), 4) == 6
    assert await alice.claim_recent(own(alice), 7) == 6
