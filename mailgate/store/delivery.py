"""Delivery: each content once and one small row in each INBOX, or Junk, in one transaction whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, LargeBinary, and_, bindparam, case, select, update

from imap.backend import MailboxRef
from imap.flags import SEEN
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.store import junk, sent_copies
from mailgate.store.feed import announce
from mailgate.store.messages import write_message
from mailgate.store.parcels import Numbered, PreparedParcel
from mailgate.store.provisioning import INBOX_ID, SENT_ID
from mailgate.store.schema import entry, mailbox, names, number
from mailgate.store.sent_copies import OwnCopies


class AccountNotFound(LookupError):
    """A delivery names accounts that do not exist; nothing was delivered."""

    def __init__(self, account_ids: Collection[int]) -> None:
        super().__init__(f"no such accounts: {', '.join(map(str, sorted(account_ids)))}")
        self.account_ids = frozenset(account_ids)


class Place(NamedTuple):
    """A mailbox that gets a copy."""

    account_id: int
    mailbox_id: int
    flags: int = 0


PLACES: Final = rows("places", account_id=BigInteger, mailbox_id=BigInteger, flags=BigInteger)
IS_PLACE: Final = and_(mailbox.c.account_id == PLACES.c.account_id, mailbox.c.mailbox_id == PLACES.c.mailbox_id)


def counters(flags: ColumnElement[int]) -> dict[str, ColumnElement[int]]:
    """Those of a mailbox that gets one message more, which has these flags."""
    return {
        "uidnext": mailbox.c.uidnext + 1,
        "highestmodseq": mailbox.c.highestmodseq + 1,
        "messages": mailbox.c.messages + 1,
        "size": mailbox.c.size + bindparam("size", type_=BigInteger),
        "unseen": mailbox.c.unseen + case((flags == 0, 1), else_=0),
    }


_count = update(mailbox).where(IS_PLACE).values(counters(PLACES.c.flags))
_numbered = (mailbox.c.account_id, mailbox.c.mailbox_id, mailbox.c.highestmodseq, (mailbox.c.uidnext - 1).label("uid"))
"""What `Numbered` takes."""
_of_content: tuple[ColumnElement[Any], ...] = (
    number("internal_date"),
    number("stored_at"),
    number("size"),
    bindparam("message_id", type_=LargeBinary),
)
_COUNT: Final = Statement(_count.returning(*_numbered))
_ENTER: Final = Statement(
    insert(entry).from_select(
        names(entry),
        select(
            *(mailbox.c.account_id, mailbox.c.mailbox_id, mailbox.c.uidnext - 1, mailbox.c.highestmodseq),
            *(PLACES.c.flags, *_of_content),
        ).where(IS_PLACE),
    )
)
"""Both for SQLite."""


def _count_and_enter() -> Statement:
    counted = _count.returning(*_numbered, PLACES.c.flags).cte("counted")
    key = (counted.c.account_id, counted.c.mailbox_id, counted.c.uid, counted.c.highestmodseq)
    entered = insert(entry).from_select(names(entry), select(*key, counted.c.flags, *_of_content))
    numbered = (counted.c.account_id, counted.c.mailbox_id, counted.c.highestmodseq, counted.c.uid)
    return Statement(select(*numbered).add_cte(entered.cte("entered")))


_COUNT_AND_ENTER: Final = _count_and_enter()
"""For PostgreSQL."""
_LOCK: Final = Statement(
    select(mailbox.c.account_id)
    .where(IS_PLACE)
    .order_by(mailbox.c.account_id, mailbox.c.mailbox_id)
    .with_for_update(of=mailbox)
)


async def deliver(
    tx: Tx, parcels: Sequence[PreparedParcel], internal_date: int | None, own: OwnCopies
) -> list[list[Numbered]]:
    """Put each content into its INBOXes, or Junk mailboxes, and with ``\\Seen`` into the sender's Sent mailbox; give
    the copies of each parcel. Raises AccountNotFound.

    All contents are written, and then all mailboxes locked, in the order that every delivery has.
    """
    for parcel in sorted(parcels, key=lambda parcel: parcel.content.message_id):
        await write_message(tx, parcel.content)
    for parcel in parcels:
        if parcel.stored is not None:
            await parcel.stored(tx, parcel.content.message_id, parcel.content.size)
    suspects = frozenset[int]().union(*(parcel.account_ids for parcel in parcels if parcel.junk))
    junk_of = await junk.provide(tx, suspects, parcels[0].content.stored_at) if suspects else {}
    placed = [places_of(parcel, junk_of) for parcel in parcels]
    if tx.engine == "postgresql" and (wanted := {place for places in placed for place in places}):
        await tx.all(_LOCK, places=wanted)
    copies = [
        await _enter(tx, parcel, places, internal_date, own) for parcel, places in zip(parcels, placed, strict=True)
    ]
    reached = {(one.account_id, one.mailbox_id): one.modseq for each in copies for one in each}
    await announce(tx, [(*mailbox_, modseq) for mailbox_, modseq in reached.items()])
    return copies


def places_of(parcel: PreparedParcel, junk_of: Mapping[int, MailboxRef]) -> list[Place]:
    """Where the copies go. Junk goes to the INBOX of who can have no Junk mailbox."""
    filed = parcel.account_ids & junk_of.keys() if parcel.junk else frozenset()
    places = [Place(account_id, INBOX_ID) for account_id in sorted(parcel.reached - filed)]
    places += [Place(*junk_of[account_id]) for account_id in sorted(filed)]
    if parcel.sent_copy_for is not None:
        places.append(Place(parcel.sent_copy_for, SENT_ID, SEEN))
    return places


async def _enter(
    tx: Tx, parcel: PreparedParcel, places: list[Place], internal_date: int | None, own: OwnCopies
) -> list[Numbered]:
    """Count and enter the copies."""
    content = parcel.content
    if parcel.sent_copy_for is not None and await sent_copies.is_filed(tx, parcel.sent_copy_for, parcel, own):
        places = places[:-1]
    if not places:
        return []
    row = {
        "internal_date": content.stored_at if internal_date is None else internal_date,
        "stored_at": content.stored_at,
        "size": content.size,
        "message_id": content.message_id,
    }
    if tx.engine == "postgresql":
        counted = await tx.all(_COUNT_AND_ENTER, places=places, **row)
    else:
        counted = await tx.all(_COUNT, places=places, size=content.size)
        await tx.run(_ENTER, places=places, **row)
    if len(counted) != len(places):
        raise AccountNotFound({one.account_id for one in places} - {one[0] for one in counted})
    return [Numbered(*one) for one in counted]
