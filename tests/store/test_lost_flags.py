"""A server that crashed has forgotten the flags of its last moments: open mailboxes show what it has."""

from __future__ import annotations

from sqlalchemy import update

from imap.backend import Account, FlagAction
from imap.flags import FLAGGED, SEEN
from imap.selected.mailbox import SharedMailbox
from imap.selected.view import View
from mailgate.database import Database, Statement
from mailgate.store import MailStore
from mailgate.store.schema import entry, mailbox
from tests.store.messages import message, own

_HERE = (entry.c.account_id == 1, entry.c.mailbox_id == 1)
_ENTRY = Statement(update(entry).where(*_HERE, entry.c.uid == 2).values(flags=0, modseq=3))
_MAILBOX = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == 1, mailbox.c.mailbox_id == 1)
    .values(highestmodseq=5, keywords="", unseen=3)
)


async def lose_what_came_last(database: Database) -> None:
    """Put rows back to what they were before the second of two STOREs."""
    await database.write(lambda tx: tx.run(_ENTRY))
    await database.write(lambda tx: tx.run(_MAILBOX))


async def test_what_was_lost_is_no_longer_shown(store: MailStore, alice: Account, database: Database) -> None:
    for number in range(3):
        await store.deliver(message(str(number)), [1])
    await alice.store(own(alice), [1], FlagAction.ADD, FLAGGED, [])
    await alice.store(own(alice), [2], FlagAction.ADD, SEEN, ["lost"])
    shared = SharedMailbox(alice, own(alice))
    await shared.load()
    view = View(shared, readonly=False)
    assert (shared.highestmodseq, len(shared.keywords)) == (6, 1)
    await lose_what_came_last(database)

    await shared.refresh()
    assert (list(shared.flags), list(shared.modseqs)) == ([FLAGGED, 0, 0], [5, 3, 4])
    assert (shared.highestmodseq, shared.keywords) == (5, ())
    assert view.changed == {2}
    assert view.keywords_told != 0

    again = await alice.store(own(alice), [3], FlagAction.ADD, 0, ["other"])
    await shared.settle(again.modseq, changed=again.changed, keywords=again.keywords)
    assert (shared.highestmodseq, shared.keywords) == (6, ("other",))
