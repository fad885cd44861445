"""What most messages are, delivered in one statement, which commits by itself: one round trip to PostgreSQL.

One content of one chunk for INBOXes, and maybe its sender's Sent. A statement sees what was committed before it began,
and the last state of what it locks: so where the two differ in what matters, nothing is written, and the delivery goes
the long way (`mailgate.store.delivery`). What both lock of a sender, they lock before mailboxes. Other than there these
are locked before the content: of two deliveries of one content that wait for one another, PostgreSQL begins one anew.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, Select, and_, bindparam, exists, func, literal, select, update

from mailgate.database import Statement, Tx
from mailgate.database.statement import insert
from mailgate.store import dispatches
from mailgate.store.delivery import IS_PLACE, PLACES, counters, places_of
from mailgate.store.dispatches import Dispatch
from mailgate.store.feed import announce
from mailgate.store.messages import first_row, storing
from mailgate.store.parcels import Counting, Gate, Numbered, PreparedParcel
from mailgate.store.provisioning import SENT_ID
from mailgate.store.schema import CHUNK, entry, mailbox, names, number
from mailgate.store.sent_copies import MAY_BE_FILED, OwnCopies

_STATEMENTS: Final = 16
_NO_COPY: Final = {"kept_for": 0, "since": 0, "ending": b"", "known": ()}
"""Of `MAY_BE_FILED`, for a message of which nobody keeps a copy."""


def fits(parcel: PreparedParcel) -> bool:
    """Whether this is for one statement."""
    return parcel.content.size <= CHUNK and parcel.stored is None and not parcel.junk and parcel.list_id is not None


async def deliver(
    tx: Tx, gate: Gate, sent: Dispatch, parcel: PreparedParcel, own: OwnCopies
) -> list[list[Numbered]] | None:
    """Deliver what `fits`, unless `gate` says otherwise; None when nothing was written."""
    content, places = parcel.content, places_of(parcel, {})
    asked = _NO_COPY if parcel.sent_copy_for is None else own.asked(parcel.sent_copy_for, parcel)
    if asked is None:
        return None
    counted = await tx.all(
        _statement(gate.look, gate.counting, gate.turn),
        **gate.parameters,
        **first_row(content),
        **dispatches.row_of(sent),
        **dispatches.copy_of(sent, parcel),
        places=places,
        expected=len(places),
        **asked,
    )
    await announce(tx, [tuple(row[:3]) for row in counted])
    return [[Numbered(*row) for row in counted]] if counted else None


@lru_cache(_STATEMENTS)
def _statement(look: Select[Any], counting: Counting | None, turn: Select[Any] | None) -> Statement:
    found = look.cte("found")
    # Of a condition that is the same for all rows PostgreSQL knows before it looks at, and locks, any.
    in_turn = () if turn is None else (exists(select(turn.cte("turn"))),)
    locked = (
        select(mailbox.c.account_id, mailbox.c.mailbox_id, mailbox.c.uidnext, PLACES.c.flags)
        .where(IS_PLACE, *in_turn)
        .order_by(mailbox.c.account_id, mailbox.c.mailbox_id)
        .with_for_update(of=mailbox)
        .cte("locked")
    )
    before = mailbox.alias("before")
    in_sent = (before.c.account_id == bindparam("kept_for", type_=BigInteger), before.c.mailbox_id == SENT_ID)
    of_before = (locked.c.account_id == before.c.account_id, locked.c.mailbox_id == before.c.mailbox_id)
    is_ready = and_(
        ~exists(select(found)),
        select(func.count()).select_from(locked).scalar_subquery() == bindparam("expected", type_=BigInteger),
        # Nothing has come into Sent since the statement began, and nothing of this name was there.
        ~exists(
            select(before.c.uidnext).where(*in_sent, *of_before, locked.c.uidnext != before.c.uidnext).correlate(None)
        ),
        ~exists(MAY_BE_FILED),
    )
    if counting is not None:
        is_ready = exists(select(counting(is_ready).cte("taken")))
    counted = (
        update(mailbox)
        .where(mailbox.c.account_id == locked.c.account_id, mailbox.c.mailbox_id == locked.c.mailbox_id, is_ready)
        .values(counters(locked.c.flags))
        .returning(
            *(mailbox.c.account_id, mailbox.c.mailbox_id, mailbox.c.uidnext, mailbox.c.highestmodseq, locked.c.flags)
        )
        .cte("counted")
    )
    once = select(literal(1).label("one")).select_from(counted).limit(1).cte("once")
    first_chunk, stored, enqueued = storing(once)
    noted, noted_copy = dispatches.noting(once)
    entered = insert(entry).from_select(
        names(entry),
        select(
            *(counted.c.account_id, counted.c.mailbox_id, counted.c.uidnext - 1, counted.c.highestmodseq),
            *(counted.c.flags, number("stored_at"), number("stored_at"), number("size"), stored.c.message_id),
        ).select_from(counted, stored),
    )
    parts = (first_chunk.cte("first_chunk"), enqueued, entered.cte("entered"))
    noted_parts = (noted.cte("noted"), noted_copy.cte("noted_copy"))
    told = select(counted.c.account_id, counted.c.mailbox_id, counted.c.highestmodseq, counted.c.uidnext - 1)
    return Statement(told.add_cte(*parts, *noted_parts))
