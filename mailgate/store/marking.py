"""New flags in a mailbox of which the caller knows all: written if, and only if, nothing has changed since it looked.

The mailbox's modification sequence and stamp stand for its whole content: every change raises the one under the lock of
the row, and the other tells a change of flags from one that a crash of the server undid. So nothing has to be read:
the mailbox's row is advanced, the change is a row of the log (`flag_log`), whatever the number of messages.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import LargeBinary, bindparam, select, update

from imap.backend import MailboxRef, Marking
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert
from mailgate.store.feed import announce
from mailgate.store.flag_log import BACKLOG, cost, new_stamp, pack
from mailgate.store.schema import flag_change, mailbox, names, number

_advance = (
    update(mailbox)
    .where(
        mailbox.c.account_id == bindparam("account"),
        mailbox.c.mailbox_id == bindparam("id"),
        mailbox.c.highestmodseq == bindparam("since"),
        mailbox.c.stamp == bindparam("known"),
        mailbox.c.backlog < BACKLOG,
    )
    .values(
        highestmodseq=bindparam("reached"),
        stamp=bindparam("new"),
        backlog=mailbox.c.backlog + bindparam("more"),
        unseen=mailbox.c.unseen + bindparam("more_unseen"),
        deleted=mailbox.c.deleted + bindparam("more_deleted"),
    )
)
_ADVANCE: Final = Statement(_advance)
_changes = bindparam("changes", type_=LargeBinary)
_LOG: Final = Statement(
    insert(flag_change).from_select(
        names(flag_change), select(number("account"), number("id"), number("new"), _changes)
    )
)
_advanced = _advance.returning(mailbox.c.account_id, mailbox.c.mailbox_id, mailbox.c.stamp).cte("advanced")
_ADVANCE_AND_LOG: Final = Statement(
    insert(flag_change).from_select(names(flag_change), select(*_advanced.c, _changes)).add_cte(_advanced)
)
"""Both for PostgreSQL."""


async def mark(tx: Tx, ref: MailboxRef, marking: Marking) -> int | None:
    """Write new flags and give the stamp of this change; None when the mailbox has moved on, or is to be settled."""
    stamp = new_stamp(marking.reached)
    advance = {
        "account": ref.account_id,
        "id": ref.mailbox_id,
        "since": marking.since,
        "known": marking.stamp,
        "reached": marking.reached,
        "new": stamp,
        "more": cost(len(marking.uids)),
        "more_unseen": marking.unseen,
        "more_deleted": marking.deleted,
    }
    changes = pack(marking.uids, marking.flags, marking.modseqs)
    if tx.engine == "postgresql":
        if not await tx.run(_ADVANCE_AND_LOG, **advance, changes=changes):
            return None
    else:
        if not await tx.run(_ADVANCE, **advance):
            return None
        await tx.run(_LOG, account=ref.account_id, id=ref.mailbox_id, new=stamp, changes=changes)
    await announce(tx, [(*ref, marking.reached)])
    return stamp
