"""EXPUNGE: messages leave a mailbox, their UIDs stay in its log (RFC 9051 section 6.4.3, RFC 7162 section 3.2.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, delete, or_, select

from imap.backend import MailboxRef
from imap.flags import DELETED
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member
from mailgate.store import flag_log, seen
from mailgate.store.access import Access
from mailgate.store.counters import Delta, MailboxRow, advance, lock_mailbox
from mailgate.store.feed import announce
from mailgate.store.flag_log import Pending
from mailgate.store.released import let_go
from mailgate.store.schema import entry, names, number, tombstone

_of_mailbox = (entry.c.account_id == bindparam("account_id"), entry.c.mailbox_id == bindparam("mailbox_id"))
_found = select(entry.c.uid, entry.c.flags).where(*_of_mailbox).order_by(entry.c.uid)
_marked = entry.c.flags.bitwise_and(DELETED) != 0

_MARKED: Final = Statement(_found.where(or_(_marked, member(entry.c.uid, "pending", dense=True))))
"""Those that are marked, and those of which the log says what they are."""
_AMONG: Final = Statement(_found.where(member(entry.c.uid, "uids", dense=True)))
_BURY: Final = Statement(
    insert(tombstone).from_select(
        names(tombstone),
        select(
            entry.c.account_id,
            entry.c.mailbox_id,
            number("modseq"),
            entry.c.uid,
            number("now"),
        ).where(*_of_mailbox, member(entry.c.uid, "uids", dense=True)),
    )
)
_RELEASE: Final = Statement(let_go(*_of_mailbox, member(entry.c.uid, "uids", dense=True)))
_REMOVE: Final = Statement(
    delete(entry)
    .where(*_of_mailbox, member(entry.c.uid, "uids", dense=True))
    .returning(entry.c.uid, entry.c.flags, entry.c.size)
)


async def expunge(
    tx: Tx, access: Access, ref: MailboxRef, uids: Sequence[int] | None, now: int
) -> tuple[int, Sequence[int]]:
    """Remove messages marked ``\\Deleted``; give (modseq, UIDs removed). Raises MailboxNotFound."""
    mailbox = await lock_mailbox(tx, *ref)
    if not mailbox.deleted:
        return mailbox.highestmodseq, ()
    key = {"account_id": ref.account_id, "mailbox_id": ref.mailbox_id}
    pending = await flag_log.pending(tx, mailbox)
    if uids is None:
        rows = await tx.all(_MARKED, **key, pending=pending)
    else:
        rows = await tx.all(_AMONG, **key, uids=uids)
    gone = [uid for uid, flags in rows if pending.get(uid, (flags,))[0] & DELETED]
    if not gone:
        return mailbox.highestmodseq, ()
    modseq = mailbox.highestmodseq + 1
    await release(tx, *ref, gone, now)
    delta = await remove(tx, access, mailbox, gone, pending, modseq, now)
    await advance(tx, mailbox, modseq, delta)
    await announce(tx, [ref])
    return modseq, gone


async def release(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int], now: int) -> None:
    """Tell the collector that these copies go, before they do."""
    await tx.run(_RELEASE, account_id=account_id, mailbox_id=mailbox_id, uids=uids, now=now)


async def remove(
    tx: Tx, access: Access, mailbox: MailboxRow, uids: Sequence[int], pending: Pending, modseq: int, now: int
) -> Delta:
    """Delete entries of a locked mailbox and bury their UIDs; give what that takes from its counters."""
    key = {"account_id": mailbox.account_id, "mailbox_id": mailbox.mailbox_id}
    await tx.run(_BURY, **key, uids=uids, modseq=modseq, now=now)
    rows = await tx.all(_REMOVE, **key, uids=uids)
    removed = [(uid, pending.get(uid, (flags,))[0], size) for uid, flags, size in rows]
    await seen.forget(tx, mailbox, {uid: flags & access.base for uid, flags, _ in removed})
    return -Delta.of([(flags, size) for _, flags, size in removed])
