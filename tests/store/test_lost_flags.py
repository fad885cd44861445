"""A server that crashed has forgotten the flags of its last moments: open mailboxes show what it has."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, delete, update

from imap.backend import Account, FlagAction
from imap.flags import DELETED, FLAGGED, SEEN
from imap.selected.mailbox import SharedMailbox
from imap.selected.marking import Marks
from imap.selected.view import View
from mailgate.database import Database, Statement
from mailgate.store import MailStore, maintenance
from mailgate.store.schema import flag_change, mailbox
from tests.store.messages import message, own

_HERE = (mailbox.c.account_id == 1, mailbox.c.mailbox_id == 1)
_LOG = Statement(delete(flag_change).where(flag_change.c.account_id == 1, flag_change.c.stamp > bindparam("kept")))
_MAILBOX = Statement(
    update(mailbox)
    .where(*_HERE)
    .values(highestmodseq=5, keywords="", unseen=3, stamp=bindparam("kept"), backlog=mailbox.c.backlog / 2)
)


async def lose_what_came_last(database: Database, kept: int) -> None:
    """Put rows back to what they were before the second of two STOREs."""
    await database.write(lambda tx: tx.run(_LOG, kept=kept))
    await database.write(lambda tx: tx.run(_MAILBOX, kept=kept))


@pytest.fixture
async def shared(store: MailStore, alice: Account, database: Database) -> SharedMailbox:
    """An open mailbox that shows what the database has forgotten."""
    for number in range(3):
        await store.deliver(message(str(number)), [1])
    first = await alice.store(own(alice), [1], FlagAction.ADD, FLAGGED, [])
    await alice.store(own(alice), [2], FlagAction.ADD, SEEN, ["lost"])
    shared = SharedMailbox(alice, own(alice))
    await shared.load()
    assert (shared.highestmodseq, len(shared.keywords)) == (6, 1)
    await lose_what_came_last(database, first.stamp)
    return shared


async def test_what_was_lost_is_no_longer_shown(shared: SharedMailbox, alice: Account) -> None:
    view = View(shared, readonly=False)
    await shared.refresh()
    assert (list(shared.flags), list(shared.modseqs)) == ([FLAGGED, 0, 0], [5, 3, 4])
    assert (shared.highestmodseq, shared.keywords) == (5, ())
    assert view.changed == {2}
    assert view.keywords_told != 0

    again = await alice.store(own(alice), [3], FlagAction.ADD, 0, ["other"])
    await shared.settle_stored(again, view)
    assert (shared.highestmodseq, shared.keywords) == (6, ("other",))


async def test_nor_where_the_numbers_were_reached_again(
    shared: SharedMailbox, store: MailStore, alice: Account, database: Database
) -> None:
    """The modification sequence is the one that is known, and means something else."""
    view = View(shared, readonly=False)
    await store.deliver(message("another"), [1])
    marks = Marks(shared)
    marks.add([range(2)], FlagAction.ADD, DELETED, ())
    assert marks.marking.since == 6 == (await alice.snapshot(own(alice))).highestmodseq
    assert await alice.mark(own(alice), marks.marking) is None

    stored = await alice.store(own(alice), [1, 2], FlagAction.ADD, DELETED, [])
    await shared.settle_stored(stored, view)
    assert (list(shared.uids), list(shared.flags)) == ([1, 2, 3, 4], [FLAGGED | DELETED, DELETED, 0, 0])
    assert (shared.highestmodseq, shared.keywords) == (7, ())
    assert await maintenance.check_counters(database) == []
