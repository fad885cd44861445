"""Flags changed on what the caller knows: written if that is still so, and not at all if it is not."""

from __future__ import annotations

import asyncio

import pytest

from imap.backend import Account, FlagAction, MailboxRef, Marking
from imap.flags import DELETED, FLAGGED, SEEN
from mailgate.database import Database
from mailgate.store import MailStore, maintenance
from tests.store.messages import INBOX, Hints, message, own, rows, status

SINCE = 6
"""The modification sequence of an INBOX into which five messages came."""


def marking(since: int, stamp: int, new: dict[int, int], *, unseen: int = 0, deleted: int = 0) -> Marking:
    """One command, as the engine makes it: the new flags by UID."""
    modseqs = [since + 1] * len(new)
    return Marking(since, stamp, since + 1, list(new), list(new.values()), modseqs, unseen=unseen, deleted=deleted)


@pytest.fixture(autouse=True)
async def five_messages(store: MailStore) -> None:
    for number in range(5):
        await store.deliver(message(str(number)), [1])


async def flags(account: Account) -> list[tuple[int, int]]:
    return [(mask, modseq) for _, mask, modseq in rows(await account.snapshot(own(account)))]


async def test_messages_that_follow_each_other(alice: Account, database: Database) -> None:
    stored = await alice.store(own(alice), [3], FlagAction.ADD, SEEN, [])
    hints = Hints(alice)
    stamp = await alice.mark(own(alice), marking(SINCE + 1, stored.stamp, {2: SEEN, 4: SEEN}, unseen=-2))
    assert stamp == (await alice.snapshot(own(alice))).stamp
    assert await flags(alice) == [(0, 2), (SEEN, 8), (SEEN, 7), (SEEN, 8), (0, 6)]
    inbox = await status(alice, "INBOX")
    assert (inbox.highestmodseq, inbox.unseen, inbox.deleted) == (8, 2, 0)
    await hints.until(lambda hint: hint.reached.get(INBOX) == SINCE + 2)
    hints.stop()
    assert await maintenance.check_counters(database) == []


async def test_messages_here_and_there(alice: Account, database: Database) -> None:
    deleted = DELETED | FLAGGED
    stamp = await alice.mark(own(alice), marking(SINCE, 0, {1: deleted, 5: deleted}, deleted=2))
    assert stamp is not None
    assert await alice.mark(own(alice), marking(SINCE + 1, stamp, {5: FLAGGED}, deleted=-1))
    assert await flags(alice) == [(DELETED | FLAGGED, 7), (0, 3), (0, 4), (0, 5), (FLAGGED, 8)]
    assert (await status(alice, "INBOX")).deleted == 1
    assert await maintenance.check_counters(database) == []


async def test_a_mailbox_that_moved_on_is_left_alone(alice: Account, store: MailStore) -> None:
    await store.deliver(message("another"), [1])
    before = await flags(alice)
    for since, stamp in ((SINCE, 0), (SINCE + 2, 0), (SINCE + 1, 1)):
        assert await alice.mark(own(alice), marking(since, stamp, {1: SEEN}, unseen=-1)) is None
    assert await flags(alice) == before
    assert (await status(alice, "INBOX")).unseen == 6


async def test_anothers_mailbox_and_none(alice: Account, bob: Account) -> None:
    wrongly = marking(SINCE, 0, {1: SEEN}, unseen=-1)
    assert await bob.mark(own(alice), wrongly) is None
    assert await alice.mark(MailboxRef(1, 99), wrongly) is None


async def test_of_many_at_once_one_is_right(alice: Account, database: Database) -> None:
    stamp = 0
    for since in range(SINCE, SINCE + 20):
        new = {1: FLAGGED if since % 2 == 0 else 0}
        stamps = await asyncio.gather(*(alice.mark(own(alice), marking(since, stamp, new)) for _ in range(4)))
        assert stamps.count(None) == 3
        stamp = max(one for one in stamps if one is not None)
    assert (await flags(alice))[0] == (0, SINCE + 20)
    assert await maintenance.check_counters(database) == []


async def test_several_commands_each_with_its_modification_sequence(alice: Account, database: Database) -> None:
    stored = await alice.store(own(alice), [4], FlagAction.ADD, DELETED, [])
    since = SINCE + 1
    hints = Hints(alice)
    uids, masks, modseqs = [5, 1, 2, 4], [SEEN, FLAGGED, FLAGGED, 0], [since + 1, since + 2, since + 2, since + 3]
    several = Marking(since, stored.stamp, since + 3, uids, masks, modseqs, unseen=-1, deleted=-1)
    assert await alice.mark(own(alice), several)
    assert await flags(alice) == [(FLAGGED, 9), (FLAGGED, 9), (0, 4), (0, 10), (SEEN, 8)]
    inbox = await status(alice, "INBOX")
    assert (inbox.highestmodseq, inbox.unseen, inbox.deleted) == (10, 4, 0)
    await hints.until(lambda hint: hint.reached.get(INBOX) == 10)
    hints.stop()
    assert await maintenance.check_counters(database) == []
