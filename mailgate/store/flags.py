"""STORE: flags of many messages at once (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select, update

from imap.backend import Change, FlagAction, MailboxRef, Marking, Stored
from imap.errors import NotPermitted
from imap.flags import DELETED, SEEN, SYSTEM_MASK
from imap.rights import settable
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.store import flag_log, keywords, seen
from mailgate.store.access import Access
from mailgate.store.counters import Delta, MailboxRow, lock_mailbox
from mailgate.store.marking import mark
from mailgate.store.schema import entry, mailbox

_READ: Final = Statement(
    select(entry.c.uid, entry.c.flags, entry.c.modseq)
    .where(
        entry.c.account_id == bindparam("account_id"),
        entry.c.mailbox_id == bindparam("mailbox_id"),
        member(entry.c.uid, "uids", dense=True),
    )
    .order_by(entry.c.uid)
)
_EXTEND: Final = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.mailbox_id == bindparam("id"))
    .values(keywords=bindparam("table"))
)


class _Changed(NamedTuple):
    """A message whose flags the person sees change."""

    uid: int
    old: int
    new: int
    entry_flags: int


async def store_flags(
    tx: Tx,
    access: Access,
    ref: MailboxRef,
    uids: Sequence[int],
    action: FlagAction,
    flags: int,
    names: Sequence[str],
    unchanged_since: int | None,
) -> Stored:
    """Change the flags of all `uids` that the person may change, ``\\Seen`` in others' mailboxes for that person alone.

    Raises MailboxNotFound, TooManyKeywords, NotPermitted when none of the flags may be changed (RFC 4314 section 4).
    """
    allowed = _allowed(access, action, flags & SYSTEM_MASK, names)
    row = await lock_mailbox(tx, *ref)
    if not allowed & ~(SEEN | DELETED):
        names = ()
    table = row.keywords if action is FlagAction.REMOVE else keywords.extend(row.keywords, names)
    kept, added = _masks(action, (flags & SYSTEM_MASK | keywords.bits(table, names)) & allowed, allowed)
    found = await tx.all(_READ, account_id=ref.account_id, mailbox_id=ref.mailbox_id, uids=uids)
    pending = await flag_log.pending(tx, row)
    marks = {} if access.own else await seen.marks_of(tx, ref, access.reader_id, uids)
    conflicts: list[int] = []
    changed: list[_Changed] = []
    for uid, *in_entry in found:
        entry_flags, entry_modseq = pending.get(uid, in_entry)
        old, modseq = entry_flags, entry_modseq
        if not access.own:
            old, modseq = seen.seen_as(access, entry_flags, entry_modseq, marks.get(uid))
        if unchanged_since is not None and modseq > unchanged_since:
            conflicts.append(uid)
            continue
        new = old & kept | added
        if new != old:
            changed.append(_Changed(uid, old, new, entry_flags))
    before = row.stamp
    if not changed:
        return Stored(row.highestmodseq, row.keywords, (), conflicts, before, before)
    if table != row.keywords:
        await tx.run(_EXTEND, account=ref.account_id, id=ref.mailbox_id, table=" ".join(table))
    modseq = row.highestmodseq + 1
    stamp = await _write(tx, access, row, modseq, changed)
    return Stored(modseq, table, [Change(one.uid, one.new, modseq) for one in changed], conflicts, before, stamp)


def _allowed(access: Access, action: FlagAction, system: int, names: Sequence[str]) -> int:
    """The flags that the person may change. Raises NotPermitted when the command names none of them."""
    allowed = settable(access.rights)
    named = system | (~SYSTEM_MASK if names else 0)
    if action is FlagAction.REPLACE and not named:
        named = -1
    if named and not named & allowed:
        raise NotPermitted("You may not change these flags")
    return allowed


def _masks(action: FlagAction, mask: int, allowed: int) -> tuple[int, int]:
    """The bits to keep and the bits to add."""
    if action is FlagAction.ADD:
        return -1, mask
    if action is FlagAction.REMOVE:
        return ~mask, 0
    return ~allowed, mask


async def _write(tx: Tx, access: Access, row: MailboxRow, modseq: int, changed: Sequence[_Changed]) -> int:
    """Write the new flags: of the entries to the log, and a reader's ``\\Seen`` in marks; give the stamp."""
    entries = [(one.uid, one.entry_flags, one.new) for one in changed]
    if not access.own:
        entries = [(uid, old, new & ~SEEN | old & SEEN) for uid, old, new in entries]
        entries = [(uid, old, new) for uid, old, new in entries if new != old]
        marked = [one for one in changed if (one.old ^ one.new) & SEEN]
        marks = [seen.Mark(access.reader_id, one.uid, one.new & SEEN) for one in marked]
        await seen.mark(tx, row, modseq, marks, [one.old & SEEN for one in marked])
    delta = Delta.of((new, 0) for _, _, new in entries) + -Delta.of((old, 0) for _, old, _ in entries)
    marking = Marking(
        row.highestmodseq,
        row.stamp,
        modseq,
        [uid for uid, _, _ in entries],
        [new for _, _, new in entries],
        [modseq] * len(entries),
        unseen=delta.unseen,
        deleted=delta.deleted,
    )
    stamp = await mark(tx, row.ref, marking)
    if stamp is None:
        raise RuntimeError("a locked mailbox moved on")
    return stamp
