"""Changed flags are in a log that entries follow: nobody can tell when they do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from imap.backend import Account, FlagAction, MailboxRef, Marking
from imap.flags import DELETED, FLAGGED, SEEN
from imap.selected.mailbox import SharedMailbox
from imap.selected.view import View
from mailgate.database import Database, Statement
from mailgate.store import MailStore, flag_log, maintenance
from mailgate.store.schema import entry, flag_change, mailbox
from tests.store.messages import known, message, new_message, own, rows, status
from tests.store.shares import OFFICE, office

_IN_ENTRIES = Statement(
    select(entry.c.uid, entry.c.flags, entry.c.modseq)
    .where(entry.c.account_id == 1, entry.c.mailbox_id == 1)
    .order_by(entry.c.uid)
)
_LOGGED = Statement(select(flag_change.c.stamp).order_by(flag_change.c.stamp))
_FULL = Statement(update(mailbox).where(mailbox.c.account_id == 1).values(backlog=flag_log.BACKLOG))
_row = st.tuples(st.integers(1, 2**32 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(1, 2**63))


@given(changed=st.lists(_row, max_size=50))
def test_what_is_packed_is_unpacked(changed: list[tuple[int, int, int]]) -> None:
    columns = [[row[place] for row in changed] for place in range(3)]
    assert [list(column) for column in flag_log.unpack(flag_log.pack(*columns))] == columns


@pytest.fixture(autouse=True)
async def five_messages(alice: Account) -> None:
    await alice.append("INBOX", [new_message(str(number)) for number in range(5)])


async def logged(database: Database) -> list[int]:
    return [row[0] for row in await database.read(lambda tx: tx.all(_LOGGED))]


async def in_entries(database: Database) -> list[tuple[int, ...]]:
    return [tuple(row) for row in await database.read(lambda tx: tx.all(_IN_ENTRIES))]


async def test_entries_follow_and_nobody_can_tell(alice: Account, database: Database) -> None:
    await alice.store(own(alice), [1], FlagAction.ADD, FLAGGED, [])
    await maintenance.settle_flags(database)
    before = await alice.snapshot(own(alice))
    first = await alice.store(own(alice), [2, 4], FlagAction.ADD, SEEN, [])
    second = await alice.store(own(alice), [4, 5], FlagAction.REPLACE, FLAGGED | DELETED, [])
    assert await in_entries(database) == rows(before)
    shown, told = await alice.snapshot(own(alice)), await alice.changes(own(alice), known(before))
    assert rows(shown)[3] == (4, FLAGGED | DELETED, second.modseq)
    assert await maintenance.check_counters(database) == []

    assert await maintenance.settle_flags(database) == 1
    assert await in_entries(database) == rows(shown)
    assert await logged(database) == [before.stamp, first.stamp, second.stamp]
    assert rows(await alice.snapshot(own(alice))) == rows(shown)
    assert await alice.changes(own(alice), known(before)) == told
    assert [change.uid for change in told.changed] == [2, 4, 5]
    assert await maintenance.check_counters(database) == []
    assert await maintenance.settle_flags(database) == 0


async def test_who_was_away_for_long_is_told_to_compare(alice: Account, database: Database) -> None:
    shared = SharedMailbox(alice, own(alice))
    await shared.load()
    view = View(shared, readonly=False)
    before = known(await alice.snapshot(own(alice)))
    for uid in (1, 2, 3):
        between = known(await alice.snapshot(own(alice)))
        last = await alice.store(own(alice), [uid], FlagAction.ADD, SEEN, [])
        await maintenance.settle_flags(database)
    assert await logged(database) == [between.stamp, last.stamp]
    assert not (await alice.changes(own(alice), before)).complete
    assert (await alice.changes(own(alice), between)).complete
    await shared.refresh()
    assert list(shared.flags) == [SEEN, SEEN, SEEN, 0, 0]
    assert view.changed == {1, 2, 3}
    assert (shared.highestmodseq, shared.stamp) == (last.modseq, last.stamp)


async def test_the_log_of_messages_that_have_gone(alice: Account, database: Database) -> None:
    before = known(await alice.snapshot(own(alice)))
    await alice.store(own(alice), [1, 2, 3], FlagAction.ADD, DELETED | SEEN, [])
    await alice.store(own(alice), [3], FlagAction.REMOVE, DELETED, [])
    assert list((await alice.expunge(own(alice), None))[1]) == [1, 2]
    moved = await alice.move(own(alice), [3], "Archive")
    assert rows(await alice.snapshot(own(alice, 6))) == [(1, SEEN, 2)]
    for _ in range(2):
        assert [uid for uid, *_ in rows(await alice.snapshot(own(alice)))] == [4, 5]
        told = await alice.changes(own(alice), before)
        assert (list(told.changed), list(told.vanished), told.highestmodseq) == ([], [1, 2, 3], moved.modseq)
        assert await maintenance.check_counters(database) == []
        await maintenance.settle_flags(database)


async def test_a_full_log_is_taken_in_before_the_next_change(alice: Account, database: Database) -> None:
    first = await alice.store(own(alice), [1], FlagAction.ADD, SEEN, [])
    await database.write(lambda tx: tx.run(_FULL))
    modseq = first.modseq + 1
    marking = Marking(first.modseq, first.stamp, modseq, [2], [SEEN], [modseq], unseen=-1, deleted=0)
    assert await alice.mark(own(alice), marking) is None
    second = await alice.store(own(alice), [2], FlagAction.ADD, SEEN, [])
    assert [flags for _, flags, _ in await in_entries(database)] == [SEEN, 0, 0, 0, 0]
    assert [flags for _, flags, _ in rows(await alice.snapshot(own(alice)))] == [SEEN, SEEN, 0, 0, 0]
    assert (second.before, await logged(database)) == (first.stamp, [first.stamp, second.stamp])
    assert (await status(alice, "INBOX")).unseen == 3


async def test_a_reader_is_told_the_same(store: MailStore, alice: Account, bob: Account, database: Database) -> None:
    await office(database, {1: "lrsw", 2: "lrsw"})
    inbox = MailboxRef(OFFICE, 1)
    for text in ("one", "two", "three"):
        await store.deliver(message(text), [OFFICE])
    await alice.store(inbox, [3], FlagAction.ADD, FLAGGED, [])
    before = known(await bob.snapshot(inbox))
    await alice.store(inbox, [1], FlagAction.ADD, SEEN | FLAGGED, [])
    await bob.store(inbox, [2], FlagAction.ADD, SEEN, [])
    await alice.store(inbox, [2], FlagAction.ADD, FLAGGED, [])
    expected = [(1, FLAGGED), (2, SEEN | FLAGGED)]
    for _ in range(2):
        told = await bob.changes(inbox, before)
        assert [(change.uid, change.flags) for change in told.changed] == expected
        assert {change.uid: change.modseq for change in told.changed}.items() <= {
            uid: modseq for uid, _, modseq in rows(await bob.snapshot(inbox))
        }.items()
        await maintenance.settle_flags(database)
