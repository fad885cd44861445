"""STORE: flags of many messages at once (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select, update

from imap.backend import Change, FlagAction, MailboxRef, Stored
from imap.errors import NotPermitted
from imap.flags import DELETED, SEEN, SYSTEM_MASK
from imap.rights import settable
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.store import keywords, seen
from mailgate.store.access import Access
from mailgate.store.counters import Delta, MailboxRow, advance, lock_mailbox
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


class _Changed(NamedTuple):
    """A message whose flags the person sees change."""

    uid: int
    old: int
    new: int
    entry_flags: int
    size: int


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
    mailbox = await lock_mailbox(tx, *ref)
    if not allowed & ~(SEEN | DELETED):
        names = ()
    table = mailbox.keywords if action is FlagAction.REMOVE else keywords.extend(mailbox.keywords, names)
    kept, added = _masks(action, (flags & SYSTEM_MASK | keywords.bits(table, names)) & allowed, allowed)
    found = await tx.all(_READ, account_id=ref.account_id, mailbox_id=ref.mailbox_id, uids=uids)
    marks = {} if access.own else await seen.marks_of(tx, ref, access.reader_id, uids)
    conflicts: list[int] = []
    changed: list[_Changed] = []
    for uid, entry_flags, entry_modseq, size in found:
        mark = marks.get(uid)
        old, modseq = entry_flags, entry_modseq
        if not access.own:
            old = entry_flags & ~SEEN | seen.before_marks(access, entry_flags, mark)
            modseq = entry_modseq if mark is None else max(entry_modseq, mark[1])
        if unchanged_since is not None and modseq > unchanged_since:
            conflicts.append(uid)
            continue
        new = old & kept | added
        if new != old:
            changed.append(_Changed(uid, old, new, entry_flags, size))
    if not changed:
        return Stored(mailbox.highestmodseq, mailbox.keywords, (), conflicts)
    modseq = mailbox.highestmodseq + 1
    delta = await _write(tx, access, mailbox, modseq, changed, (kept, added))
    await advance(tx, mailbox, modseq, delta, table=table)
    await announce(tx, [(*ref, modseq)])
    return Stored(modseq, table, [Change(one.uid, one.new, modseq) for one in changed], conflicts)


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


async def _write(
    tx: Tx, access: Access, mailbox: MailboxRow, modseq: int, changed: Sequence[_Changed], masks: tuple[int, int]
) -> Delta:
    """Write the new flags: in the entries, and a reader's ``\\Seen`` in marks; give what that adds to the counters."""
    kept, added = masks
    entries = changed
    if not access.own:
        kept, added = kept | SEEN, added & ~SEEN
        entries = [one for one in changed if (one.old ^ one.new) & ~SEEN]
        marked = [one for one in changed if (one.old ^ one.new) & SEEN]
        marks = [seen.Mark(access.reader_id, one.uid, one.new & SEEN) for one in marked]
        await seen.mark(tx, mailbox, modseq, marks, [one.old & SEEN for one in marked])
    if not entries:
        return Delta()
    await tx.run(
        _WRITE,
        account=mailbox.account_id,
        mailbox=mailbox.mailbox_id,
        uids=[one.uid for one in entries],
        kept=kept,
        added=added,
        new_modseq=modseq,
    )
    before = Delta.of((one.entry_flags, one.size) for one in entries)
    return Delta.of((one.entry_flags & kept | added, one.size) for one in entries) + -before
