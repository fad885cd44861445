"""Delivery: each content once and one small row in each INBOX, or Junk, in one transaction whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, LargeBinary, and_, bindparam, or_, select, tuple_, update

from imap.backend import MailboxRef
from imap.flags import SEEN
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.store import junk, sent_copies
from mailgate.store.counters import MailboxRow, lock_many
from mailgate.store.feed import announce
from mailgate.store.messages import write_message
from mailgate.store.parcels import PreparedParcel
from mailgate.store.provisioning import INBOX_ID, SENT_ID
from mailgate.store.schema import entry, mailbox, names, number


class AccountNotFound(LookupError):
    """A delivery names accounts that do not exist; nothing was delivered."""

    def __init__(self, account_ids: Collection[int]) -> None:
        super().__init__(f"no such accounts: {', '.join(map(str, sorted(account_ids)))}")
        self.account_ids = frozenset(account_ids)


_inboxes = and_(mailbox.c.mailbox_id == INBOX_ID, member(mailbox.c.account_id, "accounts"))
_places = rows("places", account_id=BigInteger, mailbox_id=BigInteger)
_junk = tuple_(mailbox.c.account_id, mailbox.c.mailbox_id).in_(select(_places))
_sent = and_(mailbox.c.mailbox_id == SENT_ID, mailbox.c.account_id == bindparam("sender"))

_LOCK: Final = Statement(
    select(mailbox.c.account_id, mailbox.c.mailbox_id)
    .where(or_(_inboxes, and_(mailbox.c.mailbox_id == SENT_ID, member(mailbox.c.account_id, "senders"))))
    .order_by(mailbox.c.account_id, mailbox.c.mailbox_id)
    .with_for_update()
)
_COUNTERS = {
    "uidnext": mailbox.c.uidnext + 1,
    "highestmodseq": mailbox.c.highestmodseq + 1,
    "messages": mailbox.c.messages + 1,
    "size": mailbox.c.size + bindparam("octets"),
}
_COUNT_INBOXES: Final = Statement(update(mailbox).where(_inboxes).values({**_COUNTERS, "unseen": mailbox.c.unseen + 1}))
_COUNT_JUNK: Final = Statement(update(mailbox).where(_junk).values({**_COUNTERS, "unseen": mailbox.c.unseen + 1}))
_COUNT_SENT: Final = Statement(update(mailbox).where(_sent).values(_COUNTERS))
_entered = select(
    mailbox.c.account_id,
    mailbox.c.mailbox_id,
    mailbox.c.uidnext - 1,
    mailbox.c.highestmodseq,
    number("flags"),
    number("internal_date"),
    number("now"),
    number("octets"),
    bindparam("message_id", type_=LargeBinary),
)
_ENTER_INBOXES: Final = Statement(insert(entry).from_select(names(entry), _entered.where(_inboxes)))
_ENTER_JUNK: Final = Statement(insert(entry).from_select(names(entry), _entered.where(_junk)))
_ENTER_SENT: Final = Statement(insert(entry).from_select(names(entry), _entered.where(_sent)))


async def deliver(tx: Tx, parcels: Sequence[PreparedParcel], internal_date: int | None) -> None:
    """Put each content into its INBOXes, or Junk mailboxes, and with ``\\Seen`` into the sender's Sent mailbox.

    Raises AccountNotFound.

    All contents are written, and then all mailboxes locked, in the order that every delivery has.
    """
    for parcel in sorted(parcels, key=lambda parcel: parcel.content.message_id):
        await write_message(tx, parcel.content)
    for parcel in parcels:
        if parcel.stored is not None:
            await parcel.stored(tx, parcel.content.message_id, parcel.content.size)
    suspects = frozenset[int]().union(*(parcel.account_ids for parcel in parcels if parcel.junk))
    junk_of = await junk.provide(tx, suspects, parcels[0].content.stored_at) if suspects else {}
    placed = [_placed(parcel, junk_of) for parcel in parcels]
    inboxes = {account_id for place in placed for account_id in place.inboxes}
    senders = {parcel.sent_copy_for for parcel in parcels if parcel.sent_copy_for is not None}
    await _lock(tx, inboxes, senders, {ref for place in placed for ref in place.junk})
    for parcel, place in zip(parcels, placed, strict=True):
        await _enter(tx, parcel, place, internal_date)


class _Places(NamedTuple):
    """Where the copies of a parcel go."""

    inboxes: frozenset[int]
    """The accounts whose INBOX gets one."""
    junk: Sequence[MailboxRef]


def _placed(parcel: PreparedParcel, junk_of: Mapping[int, MailboxRef]) -> _Places:
    """Junk goes to the INBOX of who can have no Junk mailbox."""
    if not parcel.junk:
        return _Places(parcel.reached, ())
    filed = parcel.account_ids & junk_of.keys()
    return _Places(parcel.reached - filed, [junk_of[account_id] for account_id in sorted(filed)])


async def _lock(tx: Tx, inboxes: AbstractSet[int], senders: AbstractSet[int], others: AbstractSet[MailboxRef]) -> None:
    """Announce and lock all mailboxes that get a copy, in the order that every writer keeps. Raises AccountNotFound."""
    touched: list[tuple[int, int]] = [(account_id, INBOX_ID) for account_id in sorted(inboxes)]
    touched += [(sender, SENT_ID) for sender in sorted(senders)]
    touched += sorted(others)
    await announce(tx, touched)
    locked: Sequence[Row | MailboxRow]
    if others:
        locked = await lock_many(tx, [MailboxRef(*one) for one in touched])
    else:
        locked = await tx.all(_LOCK, accounts=sorted(inboxes), senders=sorted(senders))
    if len(locked) != len(touched):
        raise AccountNotFound({one[0] for one in touched} - {row[0] for row in locked})


async def _enter(tx: Tx, parcel: PreparedParcel, place: _Places, internal_date: int | None) -> None:
    content = parcel.content
    row = {
        "internal_date": content.stored_at if internal_date is None else internal_date,
        "now": content.stored_at,
        "octets": content.size,
        "message_id": content.message_id,
    }
    if accounts := sorted(place.inboxes):
        await tx.run(_COUNT_INBOXES, accounts=accounts, octets=content.size)
        await tx.run(_ENTER_INBOXES, accounts=accounts, flags=0, **row)
    if place.junk:
        await tx.run(_COUNT_JUNK, places=place.junk, octets=content.size)
        await tx.run(_ENTER_JUNK, places=place.junk, flags=0, **row)
    if parcel.sent_copy_for is not None and not await sent_copies.is_filed(tx, parcel.sent_copy_for, content):
        await tx.run(_COUNT_SENT, sender=parcel.sent_copy_for, octets=content.size)
        await tx.run(_ENTER_SENT, sender=parcel.sent_copy_for, flags=SEEN, **row)
