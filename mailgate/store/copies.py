"""COPY and MOVE, also from one owner to another (RFC 9051 section 6.4.7, RFC 6851): one transaction, in sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, bindparam, select

from imap.backend import Copied, MailboxRef
from imap.flags import SEEN
from imap.rights import Rights, settable
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.store import expunge, flag_log, keywords, seen
from mailgate.store.access import Access, require, require_at
from mailgate.store.counters import Delta, MailboxRow, advance, lock_account, lock_both
from mailgate.store.feed import announce
from mailgate.store.mailboxes import check_room
from mailgate.store.schema import entry, names, number

_of_source = (entry.c.account_id == bindparam("account_id"), entry.c.mailbox_id == bindparam("mailbox_id"))
_source = select(entry.c.uid, entry.c.flags, entry.c.size).where(*_of_source).order_by(entry.c.uid)
_ALL: Final = Statement(_source)
_AMONG: Final = Statement(_source.where(member(entry.c.uid, "uids", dense=True)))

_copied = rows("copied", source=BigInteger, target=BigInteger, flags=BigInteger)
_INSERT: Final = Statement(
    insert(entry).from_select(
        names(entry),
        select(
            number("target_account"),
            number("target_id"),
            _copied.c.target,
            number("modseq"),
            _copied.c.flags,
            entry.c.internal_date,
            number("now"),
            entry.c.size,
            entry.c.message_id,
        )
        .where(*_of_source, entry.c.uid == _copied.c.source)
        .order_by(_copied.c.target),
    )
)


async def copy(tx: Tx, reader_id: int, mailbox: MailboxRef, uids: Sequence[int], target: str, now: int) -> Copied:
    """Copy messages; those that are gone are left out. Raises MailboxNotFound, NotPermitted, OverQuota."""
    access = await require(tx, reader_id, mailbox, Rights.READ)
    place, into = await require_at(tx, reader_id, target, Rights.INSERT)
    await lock_account(tx, place.account_id)
    source, destination = await lock_both(tx, mailbox, place.account_id, place.name)
    found = await _select(tx, source, uids, await flag_log.pending(tx, source))
    await check_room(tx, place.account_id, sum(row[2] for row in found))
    if not found:
        return Copied(destination.ref, destination.uidvalidity, (), ())
    pairs, _ = await _insert(tx, _Way(access, into, source, destination), found, now, gone=Delta())
    await announce(tx, [destination.ref])
    return Copied(destination.ref, destination.uidvalidity, [row[0] for row in found], pairs)


async def move(
    tx: Tx, reader_id: int, mailbox: MailboxRef, uids: Sequence[int] | None, target: str, now: int
) -> Copied:
    """Move messages, all of them when `uids` is None; those that are gone are left out.

    The source's row lock lets of two sessions only one find the messages. From one owner to another there must be room.

    Raises MailboxNotFound, NotPermitted (the rights of COPY, STORE and EXPUNGE: RFC 6851 section 4.4), OverQuota.
    """
    access = await require(tx, reader_id, mailbox, Rights.READ | Rights.DELETE_MESSAGES | Rights.EXPUNGE)
    place, into = await require_at(tx, reader_id, target, Rights.INSERT)
    leaves = place.account_id != mailbox.account_id
    if leaves:
        await lock_account(tx, place.account_id)
    source, destination = await lock_both(tx, mailbox, place.account_id, place.name)
    pending = await flag_log.pending(tx, source)
    found = await _select(tx, source, uids, pending)
    if not found:
        return Copied(destination.ref, destination.uidvalidity, (), (), source.highestmodseq)
    if leaves:
        await check_room(tx, place.account_id, sum(row[2] for row in found))
    moved = [row[0] for row in found]
    same = source.ref == destination.ref
    gone = -Delta.of([(flags, size) for _, flags, size in found])
    way = _Way(access, into, source, destination)
    targets, modseq = await _insert(tx, way, found, now, gone=gone if same else Delta())
    if not same:
        modseq = source.highestmodseq + 1
        await advance(tx, source, modseq, gone)
    await expunge.remove(tx, access, source, moved, pending, modseq, now)
    await announce(tx, {source.ref, destination.ref})
    return Copied(destination.ref, destination.uidvalidity, moved, targets, modseq)


class _Way(NamedTuple):
    """From where to where, under which rights."""

    access: Access
    into: Access
    source: MailboxRow
    target: MailboxRow

    @property
    def same_owner(self) -> bool:
        return self.source.account_id == self.target.account_id


async def _select(tx: Tx, source: MailboxRow, uids: Sequence[int] | None, pending: flag_log.Pending) -> Sequence[Row]:
    """UIDs, flags and sizes of those that are there."""
    key = {"account_id": source.account_id, "mailbox_id": source.mailbox_id}
    found = await (tx.all(_ALL, **key) if uids is None else tx.all(_AMONG, **key, uids=uids))
    return [(uid, pending.get(uid, (flags,))[0], size) for uid, flags, size in found] if pending else found


async def _insert(tx: Tx, way: _Way, found: Sequence[Row], now: int, *, gone: Delta) -> tuple[Sequence[int], int]:
    """Copy the entries (uid, flags, size) to the target; give their UIDs there, and the target's modseq.

    `gone` goes into the same update of the target's counters.
    """
    source, target = way.source, way.target
    targets = range(target.uidnext, target.uidnext + len(found))
    masks, marks = await _flags(tx, way, found, targets)
    translated, table = keywords.translate(masks, source.keywords, target.keywords)
    modseq = target.highestmodseq + 1
    flags = [translated[mask] for mask in masks]
    await tx.run(
        _INSERT,
        account_id=source.account_id,
        mailbox_id=source.mailbox_id,
        target_account=target.account_id,
        target_id=target.mailbox_id,
        modseq=modseq,
        now=now,
        copied=[(row[0], uid, mask) for row, uid, mask in zip(found, targets, flags, strict=True)],
    )
    if marks:
        before = dict(zip(targets, flags, strict=True))
        await seen.mark(tx, target, modseq, marks, [before[one.uid] & way.into.base for one in marks])
    delta = Delta.of([(mask, row[2]) for mask, row in zip(flags, found, strict=True)]) + gone
    await advance(tx, target, modseq, delta, new_uids=len(found), table=table)
    return targets, modseq


async def _flags(tx: Tx, way: _Way, found: Sequence[Row], targets: Sequence[int]) -> tuple[list[int], list[seen.Mark]]:
    """The flags that the copies get, in the source's keywords, and the readers' marks on them.

    Among mailboxes of one owner everybody's ``\\Seen`` comes along; from one owner to another only that of who copies.
    Flags that this person may not set are left out (RFC 4314 section 4).
    """
    masks = [row[1] for row in found]
    by_uid = dict(zip((row[0] for row in found), targets, strict=True))
    marks = []
    if way.same_owner:
        carried = await seen.marks_of_all(tx, way.source, list(by_uid))
        hidden = None if way.into.own or Rights.SEEN in way.into.rights else way.into.reader_id
        marks = [one._replace(uid=by_uid[one.uid]) for one in carried if one.reader_id != hidden]
        return masks if way.into.own else [mask & (settable(way.into.rights) | SEEN) for mask in masks], marks
    if not way.access.own:
        mine = await seen.marks_of(tx, way.source.ref, way.access.reader_id, list(by_uid))
        masks = [
            mask & ~SEEN | seen.before_marks(way.access, mask, mine.get(uid))
            for uid, mask in zip(by_uid, masks, strict=True)
        ]
    if not way.into.own:
        allowed = settable(way.into.rights)
        read = [uid for uid, mask in zip(targets, masks, strict=True) if mask & allowed & SEEN]
        marks = [seen.Mark(way.into.reader_id, uid, 1) for uid in read]
        masks = [mask & allowed & ~SEEN for mask in masks]
    return masks, marks
