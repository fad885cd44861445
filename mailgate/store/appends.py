"""APPEND and REPLACE: messages that a client puts into a mailbox itself (RFC 9051 6.3.12, RFC 3502, RFC 8508)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, LargeBinary, bindparam, select

from imap.backend import Appended, Replaced
from imap.errors import MessageGone
from imap.flags import SYSTEM_MASK
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.store import expunge, keywords
from mailgate.store.contents import Prepared
from mailgate.store.counters import Delta, MailboxRow, advance, lock_account, lock_named, lock_pair
from mailgate.store.feed import announce
from mailgate.store.mailboxes import check_room, mailbox_status
from mailgate.store.messages import write_message
from mailgate.store.schema import entry, names, number


@dataclass(frozen=True, slots=True)
class Arrival:
    """A prepared content and how it is to be filed."""

    content: Prepared
    flags: int
    keywords: tuple[str, ...]
    internal_date: int


_fresh = rows(
    "fresh",
    uid=BigInteger,
    flags=BigInteger,
    internal_date=BigInteger,
    size=BigInteger,
    message_id=LargeBinary,
)
_INSERT: Final = Statement(
    insert(entry).from_select(
        names(entry),
        select(
            number("account_id"),
            number("mailbox_id"),
            _fresh.c.uid,
            number("modseq"),
            _fresh.c.flags,
            _fresh.c.internal_date,
            number("now"),
            _fresh.c.size,
            _fresh.c.message_id,
        ),
    )
)
_SIZE: Final = Statement(
    select(entry.c.size).where(
        entry.c.account_id == bindparam("account_id"),
        entry.c.mailbox_id == bindparam("mailbox_id"),
        entry.c.uid == bindparam("uid"),
    )
)


async def replace(
    tx: Tx, account_id: int, mailbox_id: int, uid: int, target: str, arrival: Arrival, now: int
) -> Replaced:
    """File a message and remove another, which may be in another mailbox (RFC 8508 section 3.4).

    Raises MessageGone, MailboxNotFound, OverQuota, TooManyKeywords.
    """
    await mailbox_status(tx, account_id, target)
    await write_message(tx, arrival.content)
    await lock_account(tx, account_id)
    source, destination = await lock_pair(tx, account_id, mailbox_id, target)
    old = await tx.one(_SIZE, account_id=account_id, mailbox_id=mailbox_id, uid=uid)
    if old is None:
        raise MessageGone("This message was expunged")
    more = arrival.content.size - old[0]
    if more > 0:
        await check_room(tx, account_id, more)
    same = source.mailbox_id == destination.mailbox_id
    modseq = source.highestmodseq + 1
    await expunge.release(tx, account_id, mailbox_id, [uid], now)
    gone = await expunge.remove(tx, account_id, mailbox_id, [uid], modseq, now)
    appended = await _enter(tx, destination, [arrival], now, gone=gone if same else Delta())
    if not same:
        await advance(tx, source, modseq, gone)
    await announce(tx, {(account_id, source.mailbox_id), (account_id, destination.mailbox_id)})
    return Replaced(appended, modseq)


async def append(tx: Tx, account_id: int, target: str, arrivals: Sequence[Arrival], now: int) -> Appended:
    """File these messages in the order given. Raises MailboxNotFound, OverQuota, TooManyKeywords.

    What can be refused is refused before the contents are written, and checked again under the locks.
    """
    size = sum(arrival.content.size for arrival in arrivals)
    await mailbox_status(tx, account_id, target)
    await check_room(tx, account_id, size)
    for arrival in sorted(arrivals, key=lambda arrival: arrival.content.message_id):
        await write_message(tx, arrival.content)
    await lock_account(tx, account_id)
    mailbox = await lock_named(tx, account_id, target)
    await check_room(tx, account_id, size)
    appended = await _enter(tx, mailbox, arrivals, now, gone=Delta())
    await announce(tx, [(account_id, mailbox.mailbox_id)])
    return appended


async def _enter(tx: Tx, mailbox: MailboxRow, arrivals: Sequence[Arrival], now: int, *, gone: Delta) -> Appended:
    """Put entries into a locked mailbox; `gone` goes into the same update of its counters. Raises TooManyKeywords."""
    table = keywords.extend(mailbox.keywords, [name for arrival in arrivals for name in arrival.keywords])
    masks = [arrival.flags & SYSTEM_MASK | keywords.bits(table, arrival.keywords) for arrival in arrivals]
    uids = range(mailbox.uidnext, mailbox.uidnext + len(arrivals))
    modseq = mailbox.highestmodseq + 1
    fresh = [
        (uid, mask, arrival.internal_date, arrival.content.size, arrival.content.message_id)
        for uid, mask, arrival in zip(uids, masks, arrivals, strict=True)
    ]
    key = {"account_id": mailbox.account_id, "mailbox_id": mailbox.mailbox_id}
    await tx.run(_INSERT, **key, modseq=modseq, now=now, fresh=fresh)
    delta = Delta.of([(mask, size) for _, mask, _, size, _ in fresh]) + gone
    await advance(tx, mailbox, modseq, delta, new_uids=len(fresh), table=table)
    return Appended(mailbox.ref, mailbox.uidvalidity, uids)
