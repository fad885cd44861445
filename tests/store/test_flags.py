"""STORE: masks, keywords, UNCHANGEDSINCE, and the counters that follow."""

from __future__ import annotations

import pytest

from imap.backend import Account, Change, FlagAction
from imap.errors import MailboxNotFound, TooManyKeywords
from imap.flags import ANSWERED, DELETED, FLAGGED, KEYWORD_SHIFT, MAX_KEYWORDS, SEEN
from mailgate.store import MailStore
from tests.store.messages import INBOX, Hints, message, own, rows, status

ADD, REMOVE, REPLACE = FlagAction.ADD, FlagAction.REMOVE, FlagAction.REPLACE
FIRST, SECOND = 1 << KEYWORD_SHIFT, 2 << KEYWORD_SHIFT


@pytest.fixture(autouse=True)
async def three_messages(store: MailStore) -> None:
    for number in range(3):
        await store.deliver(message(str(number)), [1])


async def test_each_action_changes_what_it_says(alice: Account) -> None:
    await alice.store(own(alice), [1], ADD, SEEN | FLAGGED, [])
    await alice.store(own(alice), [1], REMOVE, FLAGGED | ANSWERED, [])
    await alice.store(own(alice), [2], ADD, SEEN, [])
    await alice.store(own(alice), [2], REPLACE, DELETED, ["a"])
    assert [flags for _, flags, _ in rows(await alice.snapshot(own(alice)))] == [SEEN, DELETED | FIRST, 0]
    inbox = await status(alice, "INBOX")
    assert (inbox.messages, inbox.unseen, inbox.deleted) == (3, 2, 1)


async def test_one_store_is_one_modification_sequence(alice: Account) -> None:
    stored = await alice.store(own(alice), [1, 2, 3, 99], ADD, SEEN, [])
    assert stored.modseq == 5
    assert list(stored.changed) == [Change(uid, SEEN, 5) for uid in (1, 2, 3)]
    assert (await status(alice, "INBOX")).highestmodseq == 5


async def test_a_message_that_does_not_change_keeps_its_modseq(alice: Account) -> None:
    await alice.store(own(alice), [2], ADD, SEEN, [])
    stored = await alice.store(own(alice), [1, 2], ADD, SEEN, [])
    assert [change.uid for change in stored.changed] == [1]
    nothing = await alice.store(own(alice), [1, 2], ADD, SEEN, [])
    assert (nothing.modseq, list(nothing.changed)) == (6, [])
    assert [modseq for _, _, modseq in rows(await alice.snapshot(own(alice)))] == [6, 5, 4]


async def test_unchangedsince_leaves_newer_messages_alone(alice: Account) -> None:
    await alice.store(own(alice), [2], ADD, FLAGGED, [])
    stored = await alice.store(own(alice), [1, 2, 3], ADD, SEEN, [], unchanged_since=4)
    assert list(stored.conflicts) == [2]
    assert [change.uid for change in stored.changed] == [1, 3]
    stored = await alice.store(own(alice), [1, 2, 3], ADD, SEEN, ["new"], unchanged_since=0)
    assert (list(stored.conflicts), list(stored.changed), stored.keywords) == ([1, 2, 3], [], ())


async def test_keywords_are_appended_once_whatever_their_case(alice: Account) -> None:
    await alice.store(own(alice), [1], ADD, 0, ["$label1", "Urgent"])
    stored = await alice.store(own(alice), [2], ADD, 0, ["URGENT", "$Label1", "autre"])
    assert stored.keywords == ("$label1", "Urgent", "autre")
    assert stored.changed[0].flags == FIRST | SECOND | SECOND << 1
    assert (await alice.snapshot(own(alice))).keywords == stored.keywords


async def test_removing_an_unknown_keyword_adds_nothing(alice: Account) -> None:
    stored = await alice.store(own(alice), [1], REMOVE, 0, ["never"])
    assert (stored.keywords, list(stored.changed)) == ((), [])


async def test_a_full_keyword_table_refuses_the_next_name(alice: Account) -> None:
    await alice.store(own(alice), [1], ADD, 0, [f"k{number}" for number in range(MAX_KEYWORDS)])
    with pytest.raises(TooManyKeywords):
        await alice.store(own(alice), [1], ADD, SEEN, ["one-more"])
    stored = await alice.store(own(alice), [2], ADD, 0, ["K57"])
    assert stored.changed[0].flags == 1 << 62
    assert [flags & SEEN for _, flags, _ in rows(await alice.snapshot(own(alice)))] == [0, 0, 0]


async def test_an_overlong_keyword_is_refused(alice: Account) -> None:
    with pytest.raises(TooManyKeywords):
        await alice.store(own(alice), [1], ADD, 0, ["k" * 101])


async def test_watchers_hear_of_a_change_and_not_of_none(alice: Account) -> None:
    hints = Hints(alice)
    stored = await alice.store(own(alice), [1], ADD, SEEN, [])
    await hints.until(lambda hint: hint.reached.get(INBOX) == stored.modseq)
    await alice.store(own(alice), [1], ADD, SEEN, [])
    await alice.create("A")
    seen = await hints.until(lambda hint: hint.mailboxes_changed)
    assert not any(hint.mailbox_ids for hint in seen)
    hints.stop()


async def test_a_mailbox_that_is_not_there(alice: Account) -> None:
    with pytest.raises(MailboxNotFound):
        await alice.store(own(alice, 77), [1], ADD, SEEN, [])
