"""STORE: flags of many messages at once (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, select, update

from imap.backend import Change, FlagAction, Stored
from imap.flags import SYSTEM_MASK
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.store import keywords
from mailgate.store.counters import Delta, advance, lock_mailbox
from mailgate.store.feed import announce
from mailgate.store.schema import entry

_READ: Final = Statement(
    select(entry.c.uid, entry.c.flags, entry.c.modseq, entry.c.size)
    .where(
        entry.c.account_id == bindparam("account_id"),
        entry.c.mailbox_id == bindparam("mailbox_id"),
        member(entry.c.uid, "uids", dense=True),
    )
    .order_by(entry.c.uid)
)
_WRITE: Final = Statement(
    update(entry)
    .where(
        entry.c.account_id == bindparam("account"),
        entry.c.mailbox_id == bindparam("mailbox"),
        member(entry.c.uid, "uids", dense=True),
    )
    .values(
        flags=entry.c.flags.bitwise_and(bindparam("kept")).bitwise_or(bindparam("added")),
        modseq=bindparam("new_modseq"),
    )
)


async def store_flags(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    action: FlagAction,
    flags: int,
    names: Sequence[str],
    unchanged_since: int | None,
) -> Stored:
    """Change the flags of all `uids`. Raises MailboxNotFound, TooManyKeywords."""
    mailbox = await lock_mailbox(tx, account_id, mailbox_id)
    table = mailbox.keywords if action is FlagAction.REMOVE else keywords.extend(mailbox.keywords, names)
    kept, added = _masks(action, flags & SYSTEM_MASK | keywords.bits(table, names))
    conflicts: list[int] = []
    changed: list[tuple[int, int]] = []
    before: list[tuple[int, int]] = []
    after: list[tuple[int, int]] = []
    for uid, old, modseq, size in await tx.all(_READ, account_id=account_id, mailbox_id=mailbox_id, uids=uids):
        if unchanged_since is not None and modseq > unchanged_since:
            conflicts.append(uid)
            continue
        new = old & kept | added
        if new != old:
            changed.append((uid, new))
            before.append((old, size))
            after.append((new, size))
    if not changed:
        return Stored(mailbox.highestmodseq, mailbox.keywords, (), conflicts)
    modseq = mailbox.highestmodseq + 1
    await tx.run(
        _WRITE,
        account=account_id,
        mailbox=mailbox_id,
        uids=[uid for uid, _ in changed],
        kept=kept,
        added=added,
        new_modseq=modseq,
    )
    await advance(tx, mailbox, modseq, Delta.of(after) + -Delta.of(before), table=table)
    await announce(tx, [(account_id, mailbox_id)])
    return Stored(modseq, table, [Change(uid, new, modseq) for uid, new in changed], conflicts)


def _masks(action: FlagAction, mask: int) -> tuple[int, int]:
    """The bits to keep and the bits to add."""
    if action is FlagAction.ADD:
        return -1, mask
    if action is FlagAction.REMOVE:
        return ~mask, 0
    return 0, mask
