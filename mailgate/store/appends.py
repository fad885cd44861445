"""APPEND: messages that a client puts into a mailbox itself, all or none (RFC 9051 6.3.12, RFC 3502)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, LargeBinary, select

from imap.backend import Appended
from imap.flags import SYSTEM_MASK
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.store import keywords
from mailgate.store.contents import Prepared
from mailgate.store.counters import Delta, advance, lock_account, lock_named
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
    table = keywords.extend(mailbox.keywords, [name for arrival in arrivals for name in arrival.keywords])
    masks = [arrival.flags & SYSTEM_MASK | keywords.bits(table, arrival.keywords) for arrival in arrivals]
    uids = range(mailbox.uidnext, mailbox.uidnext + len(arrivals))
    modseq = mailbox.highestmodseq + 1
    fresh = [
        (uid, mask, arrival.internal_date, arrival.content.size, arrival.content.message_id)
        for uid, mask, arrival in zip(uids, masks, arrivals, strict=True)
    ]
    await tx.run(_INSERT, account_id=account_id, mailbox_id=mailbox.mailbox_id, modseq=modseq, now=now, fresh=fresh)
    delta = Delta.of([(mask, size) for _, mask, _, size, _ in fresh])
    await advance(tx, mailbox, modseq, delta, new_uids=len(fresh), table=table)
    await announce(tx, [(account_id, mailbox.mailbox_id)])
    return Appended(mailbox.ref, mailbox.uidvalidity, uids)
