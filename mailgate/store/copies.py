"""COPY and MOVE within an account (RFC 9051 section 6.4.7, RFC 6851): one transaction, in sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, bindparam, select

from imap.backend import Copied
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.store import expunge, keywords
from mailgate.store.counters import Delta, MailboxRow, advance, lock_account, lock_pair
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
            entry.c.account_id,
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


async def copy(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int], target: str, now: int) -> Copied:
    """Copy messages; those that are gone are left out. Raises MailboxNotFound, OverQuota."""
    await lock_account(tx, account_id)
    source, destination = await lock_pair(tx, account_id, mailbox_id, target)
    found = await _select(tx, source, uids)
    await check_room(tx, account_id, sum(row[2] for row in found))
    if not found:
        return Copied(destination.ref, destination.uidvalidity, (), ())
    pairs, _ = await _insert(tx, source, destination, found, now, gone=Delta())
    await announce(tx, [(account_id, destination.mailbox_id)])
    return Copied(destination.ref, destination.uidvalidity, [row[0] for row in found], pairs)


async def move(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int] | None, target: str, now: int) -> Copied:
    """Move messages, all of them when `uids` is None; those that are gone are left out. Raises MailboxNotFound.

    The source's row lock lets of two sessions only one find the messages.
    """
    source, destination = await lock_pair(tx, account_id, mailbox_id, target)
    found = await _select(tx, source, uids)
    if not found:
        return Copied(destination.ref, destination.uidvalidity, (), (), source.highestmodseq)
    moved = [row[0] for row in found]
    same = source.mailbox_id == destination.mailbox_id
    gone = -Delta.of([(flags, size) for _, flags, size in found])
    targets, modseq = await _insert(tx, source, destination, found, now, gone=gone if same else Delta())
    if not same:
        modseq = source.highestmodseq + 1
        await advance(tx, source, modseq, gone)
    await expunge.remove(tx, account_id, mailbox_id, moved, modseq, now)
    await announce(tx, {(account_id, source.mailbox_id), (account_id, destination.mailbox_id)})
    return Copied(destination.ref, destination.uidvalidity, moved, targets, modseq)


async def _select(tx: Tx, source: MailboxRow, uids: Sequence[int] | None) -> list[Row]:
    key = {"account_id": source.account_id, "mailbox_id": source.mailbox_id}
    return await (tx.all(_ALL, **key) if uids is None else tx.all(_AMONG, **key, uids=uids))


async def _insert(
    tx: Tx, source: MailboxRow, target: MailboxRow, found: list[Row], now: int, *, gone: Delta
) -> tuple[Sequence[int], int]:
    """Copy the entries (uid, flags, size) to the target; give their UIDs there, and the target's modseq.

    `gone` goes into the same update of the target's counters.
    """
    translated, table = keywords.translate((row[1] for row in found), source.keywords, target.keywords)
    modseq = target.highestmodseq + 1
    targets = range(target.uidnext, target.uidnext + len(found))
    await tx.run(
        _INSERT,
        account_id=source.account_id,
        mailbox_id=source.mailbox_id,
        target_id=target.mailbox_id,
        modseq=modseq,
        now=now,
        copied=[(uid, new_uid, translated[flags]) for (uid, flags, _), new_uid in zip(found, targets, strict=True)],
    )
    delta = Delta.of([(translated[flags], size) for _, flags, size in found]) + gone
    await advance(tx, target, modseq, delta, new_uids=len(found), table=table)
    return targets, modseq
