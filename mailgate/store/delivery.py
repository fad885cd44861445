"""Delivery: each content once and one small row in each INBOX, in one transaction whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import LargeBinary, and_, bindparam, or_, select, update

from imap.flags import SEEN
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member
from mailgate.store import sent_copies
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
_ENTER_SENT: Final = Statement(insert(entry).from_select(names(entry), _entered.where(_sent)))


async def deliver(tx: Tx, parcels: Sequence[PreparedParcel], internal_date: int | None) -> None:
    """Put each content into its INBOXes, and with ``\\Seen`` into the sender's Sent mailbox. Raises AccountNotFound.

    All contents are written, and then all mailboxes locked, in the order that every delivery has.
    """
    for parcel in sorted(parcels, key=lambda parcel: parcel.content.message_id):
        await write_message(tx, parcel.content)
    for parcel in parcels:
        if parcel.stored is not None:
            await parcel.stored(tx, parcel.content.message_id, parcel.content.size)
    accounts = sorted(frozenset().union(*(parcel.inboxes for parcel in parcels)))
    senders = sorted({parcel.sent_copy_for for parcel in parcels if parcel.sent_copy_for is not None})
    touched = [(account_id, INBOX_ID) for account_id in accounts] + [(sender, SENT_ID) for sender in senders]
    await announce(tx, touched)
    locked = await tx.all(_LOCK, accounts=accounts, senders=senders)
    if len(locked) != len(touched):
        raise AccountNotFound({account_id for account_id, _ in touched} - {row[0] for row in locked})
    for parcel in parcels:
        await _enter(tx, parcel, internal_date)


async def _enter(tx: Tx, parcel: PreparedParcel, internal_date: int | None) -> None:
    content = parcel.content
    row = {
        "internal_date": content.stored_at if internal_date is None else internal_date,
        "now": content.stored_at,
        "octets": content.size,
        "message_id": content.message_id,
    }
    if accounts := sorted(parcel.inboxes):
        await tx.run(_COUNT_INBOXES, accounts=accounts, octets=content.size)
        await tx.run(_ENTER_INBOXES, accounts=accounts, flags=0, **row)
    if parcel.sent_copy_for is not None and not await sent_copies.is_filed(tx, parcel.sent_copy_for, content):
        await tx.run(_COUNT_SENT, sender=parcel.sent_copy_for, octets=content.size)
        await tx.run(_ENTER_SENT, sender=parcel.sent_copy_for, flags=SEEN, **row)
