"""A message that was sent, as far as it leaves: what became of each address outside, and taking back what waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, bindparam, case, literal, null, select, update

from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.queue.outcome import State
from mailgate.queue.schema import DELETED, WAITING, queued_message, queued_recipient
from mailgate.queue.settling import end_if_done, lock
from mailgate.store.schema import number

_r = queued_recipient.c
_m = queued_message.c


def under_way(now: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a process is sending a row, or has taken it up for that."""
    return and_(_r.lease_owner.is_not(None), _r.due_at > now)


def deletion(now: ColumnElement[int]) -> dict[str, ColumnElement[Any]]:
    """What a row is when it is deleted: of one that is being sent, who sends it says when it ended, and how."""
    being_sent = under_way(now)
    return {
        "state": literal(DELETED, Text),
        "lease_owner": case((being_sent, _r.lease_owner), else_=null()),
        "due_at": case((being_sent, _r.due_at), else_=0),
        "done_at": case((being_sent, 0), else_=now),
    }


_unended: Final = and_(_r.state == DELETED, _r.done_at == 0)
"""Deleted while it was being sent: it may still arrive."""
_of_dispatch: Final = _m.dispatch_id == bindparam("dispatch", type_=Text)
_OUTSIDE: Final = Statement(
    select(
        _r.address,
        case((_unended, WAITING), else_=_r.state),
        _r.code,
        _r.status,
        _r.answer,
        _r.done_at,
        _r.due_at,
        _r.created_at,
    )
    .join_from(queued_message, queued_recipient, _r.queue_id == _m.queue_id)
    .where(_of_dispatch, _m.verp == 0)
    .order_by(_r.queue_id, _r.number)
)
_COPIES: Final = Statement(
    select(_m.queue_id)
    .where(_of_dispatch, _m.done_at == 0, _m.verp == 1, member(_m.content_id, "contents"))
    .order_by(_m.queue_id)
)
_QUEUED: Final = Statement(select(_m.queue_id).where(_of_dispatch, _m.done_at == 0).order_by(_m.queue_id))
_DELETE: Final = Statement(
    update(queued_recipient)
    .where(_r.queue_id == number("of"), _r.done_at == 0, _r.state != DELETED)
    .values(deletion(number("now")))
)


@dataclass(frozen=True, slots=True)
class OutsideState:
    """An address outside, and what became of its copy; `answer` is the last one of its server."""

    address: str
    state: State
    answer: str
    at: int
    """When that was, or from when on it is tried again: seconds since the epoch."""


async def outside_of(tx: Tx, dispatch_id: str) -> list[OutsideState]:
    """The addresses outside that a message was sent to, as long as the queue knows.

    Those where its recipients wish to have a copy are nobody's to know.
    """
    return [
        OutsideState(to, State(state), f"{code} {status} {answer}" if code else answer, done_at or max(due_at, since))
        for to, state, code, status, answer, done_at, due_at, since in await tx.all(_OUTSIDE, dispatch=dispatch_id)
    ]


async def take_back(tx: Tx, dispatch_id: str, now: int) -> int:
    """Delete what of a message waits to leave, and let its content go; give the number of recipients.

    What a process is sending at this moment is left to it, and deleted where that attempt does not end it.
    """
    return await _take(tx, [row[0] for row in await tx.all(_QUEUED, dispatch=dispatch_id)], now)


async def take_back_copies(tx: Tx, dispatch_id: str, contents: Collection[bytes], now: int) -> int:
    """The same for copies outside of these contents alone, as those of one list are."""
    found = await tx.all(_COPIES, dispatch=dispatch_id, contents=contents)
    return await _take(tx, [row[0] for row in found], now)


async def _take(tx: Tx, queue_ids: Sequence[int], now: int) -> int:
    taken = 0
    for queue_id in queue_ids:
        await lock(tx, queue_id)
        taken += await tx.run(_DELETE, of=queue_id, now=now)
        await end_if_done(tx, [queue_id], now)
    return taken
