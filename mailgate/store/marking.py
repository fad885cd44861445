"""New flags in a mailbox of which the caller knows all: written if, and only if, nothing has changed since it looked.

The mailbox's modification sequence stands for its whole content, as every change raises it under the lock of the row:
comparing it is all that has to be read. On PostgreSQL one statement does everything, and counts once more what the
caller counted, since after a crash the server may have forgotten flags that a gateway remembers.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, bindparam, exists, func, literal, select, update

from imap.backend import MailboxRef, Marking
from imap.flags import DELETED, SEEN
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.store.feed import announce
from mailgate.store.schema import entry, mailbox


class OutOfDate(Exception):
    """The caller's knowledge was not that of the database: nothing was written."""


_kept, _added = bindparam("kept", type_=BigInteger), bindparam("added", type_=BigInteger)
_new = entry.c.flags.bitwise_and(_kept).bitwise_or(_added)
_here = (entry.c.account_id == bindparam("account"), entry.c.mailbox_id == bindparam("id"), _new != entry.c.flags)
_in_range = (*_here, entry.c.uid.between(bindparam("first"), bindparam("last")))
_in_list = (*_here, member(entry.c.uid, "uids", dense=True))
_mark = {"flags": _new, "modseq": bindparam("reached")}

_ADVANCE: Final = Statement(
    update(mailbox)
    .where(
        mailbox.c.account_id == bindparam("account"),
        mailbox.c.mailbox_id == bindparam("id"),
        mailbox.c.highestmodseq == bindparam("since"),
    )
    .values(
        highestmodseq=bindparam("reached"),
        unseen=mailbox.c.unseen + bindparam("more_unseen"),
        deleted=mailbox.c.deleted + bindparam("more_deleted"),
    )
)
_MARK_RANGE: Final = Statement(update(entry).where(*_in_range).values(_mark))
_MARK_LIST: Final = Statement(update(entry).where(*_in_list).values(_mark))


def _more(flag: int) -> ColumnElement[int]:
    """How many more messages have a flag afterwards."""
    bit = literal(flag, BigInteger)
    return func.coalesce(func.sum(_new.bitwise_and(bit) - entry.c.flags.bitwise_and(bit)), 0).cast(BigInteger) // flag


def _at_once(condition: tuple[ColumnElement[bool], ...]) -> Statement:
    """Both for PostgreSQL: the mailbox if it is as the caller knew it, and then the messages."""
    found: Any = select(func.count().label("messages"), _more(SEEN).label("seen"), _more(DELETED).label("deleted"))
    counted = found.where(*condition).cte("counted")
    advanced = (
        update(mailbox)
        .where(
            mailbox.c.account_id == bindparam("account"),
            mailbox.c.mailbox_id == bindparam("id"),
            mailbox.c.highestmodseq == bindparam("since"),
            counted.c.messages == bindparam("messages"),
        )
        .values(
            highestmodseq=bindparam("reached"),
            unseen=mailbox.c.unseen - counted.c.seen,
            deleted=mailbox.c.deleted + counted.c.deleted,
        )
        .returning(mailbox.c.mailbox_id)
        .cte("advanced")
    )
    return Statement(
        update(entry).where(*condition, exists(select(advanced.c.mailbox_id))).values(_mark).add_cte(advanced)
    )


_RANGE_AT_ONCE: Final = _at_once(_in_range)
_LIST_AT_ONCE: Final = _at_once(_in_list)


async def mark(tx: Tx, ref: MailboxRef, marking: Marking) -> bool:
    """Write new flags; False when the mailbox has moved on. Raises OutOfDate, for the same, after it has written."""
    modseq = marking.since + 1
    at = {"account": ref.account_id, "id": ref.mailbox_id, "reached": modseq}
    uids = [change.uid for change in marking.changed]
    which = {"first": uids[0], "last": uids[-1]} if marking.is_range else {"uids": uids}
    change = {**at, **which, "kept": marking.kept, "added": marking.added}
    if tx.engine == "postgresql":
        statement = _RANGE_AT_ONCE if marking.is_range else _LIST_AT_ONCE
        if not await tx.run(statement, **change, since=marking.since, messages=len(uids)):
            return False
    else:
        more = {"more_unseen": marking.unseen, "more_deleted": marking.deleted}
        if not await tx.run(_ADVANCE, **at, **more, since=marking.since):
            return False
        if await tx.run(_MARK_RANGE if marking.is_range else _MARK_LIST, **change) != len(uids):
            raise OutOfDate
    await announce(tx, [(*ref, modseq)])
    return True
