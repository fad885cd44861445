"""Flags changed on what the caller knows: written if that is still so, and not at all if it is not."""

from __future__ import annotations

import asyncio

import pytest

from imap.backend import Account, FlagAction, FlagRule, MailboxRef, Marking
from imap.flags import DELETED, FLAGGED, SEEN
from mailgate.database import Database
from mailgate.store import MailStore, maintenance
from tests.store.messages import INBOX, Hints, message, own, rows, status

SINCE = 6
"""The modification sequence of an INBOX into which five messages came."""


def marking(
    since: int, kept: int, added: int, uids: list[int], *, is_range: bool, unseen: int, deleted: int
) -> Marking:
    """As the engine makes it; the store needs no new flags of its changes."""
    rule = FlagRule(kept, added, is_range=is_range)
    count = len(uids)
    return Marking(since, since + 1, uids, [added] * count, [since + 1] * count, rule, unseen=unseen, deleted=deleted)


@pytest.fixture(autouse=True)
async def five_messages(store: MailStore) -> None:
    for number in range(5):
        await store.deliver(message(str(number)), [1])


async def flags(account: Account) -> list[tuple[int, int]]:
    return [(mask, modseq) for _, mask, modseq in rows(await account.snapshot(own(account)))]


async def test_a_range_of_messages(alice: Account, database: Database) -> None:
    await alice.store(own(alice), [3], FlagAction.ADD, SEEN, [])
    hints = Hints(alice)
    seen = marking(SINCE + 1, -1, SEEN, [2, 4], is_range=True, unseen=-2, deleted=0)
    assert await alice.mark(own(alice), seen)
    assert await flags(alice) == [(0, 2), (SEEN, 8), (SEEN, 7), (SEEN, 8), (0, 6)]
    inbox = await status(alice, "INBOX")
    assert (inbox.highestmodseq, inbox.unseen, inbox.deleted) == (8, 2, 0)
    await hints.until(lambda hint: hint.reached.get(INBOX) == SINCE + 2)
    hints.stop()
    assert await maintenance.check_counters(database) == []


async def test_messages_here_and_there(alice: Account, database: Database) -> None:
    deleted = marking(SINCE, -1, DELETED | FLAGGED, [1, 5], is_range=False, unseen=0, deleted=2)
    assert await alice.mark(own(alice), deleted)
    back = marking(SINCE + 1, ~DELETED, 0, [5], is_range=True, unseen=0, deleted=-1)
    assert await alice.mark(own(alice), back)
    assert await flags(alice) == [(DELETED | FLAGGED, 7), (0, 3), (0, 4), (0, 5), (FLAGGED, 8)]
    assert (await status(alice, "INBOX")).deleted == 1
    assert await maintenance.check_counters(database) == []


async def test_a_mailbox_that_moved_on_is_left_alone(alice: Account, store: MailStore) -> None:
    await store.deliver(message("another"), [1])
    before = await flags(alice)
    for since in (SINCE, SINCE + 2):
        assert not await alice.mark(own(alice), marking(since, -1, SEEN, [1], is_range=True, unseen=-1, deleted=0))
    assert await flags(alice) == before
    assert (await status(alice, "INBOX")).unseen == 6


async def test_what_the_caller_knows_wrong_is_not_written(alice: Account, database: Database) -> None:
    for wrong in ([1, 2, 9], [1, 9]):
        wrongly = marking(SINCE, -1, SEEN, wrong, is_range=False, unseen=-len(wrong), deleted=0)
        assert not await alice.mark(own(alice), wrongly)
    assert {mask for mask, _ in await flags(alice)} == {0}
    assert await maintenance.check_counters(database) == []


async def test_anothers_mailbox_and_none(alice: Account, bob: Account) -> None:
    wrongly = marking(SINCE, -1, SEEN, [1], is_range=True, unseen=-1, deleted=0)
    assert not await bob.mark(own(alice), wrongly)
    assert not await alice.mark(MailboxRef(1, 99), wrongly)


async def test_of_many_at_once_one_is_right(alice: Account, database: Database) -> None:
    for since in range(SINCE, SINCE + 20):
        mark = FLAGGED if since % 2 == 0 else 0
        others = [
            alice.mark(own(alice), marking(since, ~FLAGGED, mark, [uid], is_range=True, unseen=0, deleted=0))
            for uid in (1, 1, 1, 1)
        ]
        assert sorted(await asyncio.gather(*others)) == [False, False, False, True]
    assert (await flags(alice))[0] == (0, SINCE + 20)
    assert await maintenance.check_counters(database) == []


async def test_several_commands_each_with_its_modification_sequence(alice: Account, database: Database) -> None:
    await alice.store(own(alice), [4], FlagAction.ADD, DELETED, [])
    since = SINCE + 1
    hints = Hints(alice)
    uids, masks, modseqs = [5, 1, 2, 4], [SEEN, FLAGGED, FLAGGED, 0], [since + 1, since + 2, since + 2, since + 3]
    assert await alice.mark(own(alice), Marking(since, since + 3, uids, masks, modseqs, None, unseen=-1, deleted=-1))
    assert await flags(alice) == [(FLAGGED, 9), (FLAGGED, 9), (0, 4), (0, 10), (SEEN, 8)]
    inbox = await status(alice, "INBOX")
    assert (inbox.highestmodseq, inbox.unseen, inbox.deleted) == (10, 4, 0)
    await hints.until(lambda hint: hint.reached.get(INBOX) == 10)
    hints.stop()
    assert await maintenance.check_counters(database) == []
    for wrong, at in (([5], since), ([1], since + 3), ([9], since + 3)):
        wrongly = Marking(at, at + 1, wrong, [FLAGGED], [at + 1], None, unseen=0, deleted=0)
        assert not await alice.mark(own(alice), wrongly)
    assert await maintenance.check_counters(database) == []
