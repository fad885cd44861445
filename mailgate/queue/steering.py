"""What an operator does to entries of the queue: try again now, hold, release, delete. In one transaction each.

What a process is sending at the moment is left to it: whether the other side takes it is no longer for us to say. What
is asked for then is done when that attempt has ended without an end for the entry.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from mailgate.database.postgresql_connection import CHANNEL
from mailgate.database.statement import insert
from mailgate.queue.enqueue import payloads
from mailgate.queue.listing import Filter, QueueError, conditions_of
from mailgate.queue.outcome import OPEN, State
from mailgate.queue.schema import (
    ASKED_AGAIN,
    AT_ONCE,
    IS_WAITING,
    queue_destination,
    queued_message,
    queued_recipient,
)
from mailgate.queue.withdrawing import deletion, under_way
from mailgate.store.schema import names, released, retained

_r = queued_recipient.c
_m = queued_message.c
_FROM: Final = {
    "retry": (State.WAITING,),
    "hold": (State.WAITING,),
    "release": (State.HELD,),
    "delete": tuple(OPEN),
}
"""The states that each action changes."""
_BATCH: Final = 1_000
_PROBES: Final = 20
"""Entries of each domain that are tried though its servers are left alone."""
ACTIONS: Final = tuple(_FROM)


def hold_all(connection: Connection) -> int:
    """Hold everything, leases or not, while no gateway runs; give the number."""
    held = {"state": State.HELD.value, "lease_owner": None}
    return connection.execute(update(queued_recipient).where(_r.state == IS_WAITING).values(held)).rowcount


class Acted(NamedTuple):
    """What an action has changed, in entries."""

    changed: int
    sending: int
    """Of these, that a process is sending: it holds for what becomes of them unless that attempt ends them."""


def act(connection: Connection, action: str, wanted: Filter) -> Acted:
    """Do one of `ACTIONS` to all entries of a filter that are in a state for it.

    Raises QueueError when a message is named of which nothing can be changed, SchoolError.
    """
    now = int(time.time())
    being_sent = under_way(literal(now, BigInteger))
    chosen = and_(
        _r.state.in_([state.value for state in _FROM[action]]), _r.done_at == 0, *_on_recipients(connection, wanted)
    )
    if wanted.message is not None and not connection.scalar(select(exists().where(chosen))):
        raise QueueError(f"nothing of message {wanted.message} can be changed so: it is done, or in no state for it")
    domains = sorted(set(connection.scalars(select(_r.domain).where(chosen).distinct())))
    if action == "delete":
        return _delete(connection, chosen, now)
    sending = _lock_sending(connection, and_(chosen, being_sent))
    changed = connection.execute(update(queued_recipient).where(chosen).values(_values(action, now))).rowcount
    if action == "retry":
        _let_pass(connection, and_(chosen, ~being_sent))
    if action in {"retry", "release"}:
        _wake(connection, domains, speak_again=action == "retry")
    return Acted(changed, sending)


def _on_recipients(connection: Connection, wanted: Filter) -> Iterable[Any]:
    """The conditions of a filter as those of `queued_recipient` alone."""
    conditions = list(conditions_of(connection, wanted))
    if conditions:
        yield exists().where(_m.queue_id == _r.queue_id, *conditions).correlate(queued_recipient)


def _values(action: str, at: int) -> dict[str, Any]:
    """Who is sending a row keeps it, and `mailgate.queue.settling` has the rest."""
    now = literal(at, BigInteger)
    soon = case((under_way(now), _r.due_at), else_=now)
    match action:
        case "hold":
            return {"state": State.HELD.value}
        case "release":
            return {"state": State.WAITING.value, "due_at": soon}
        case _:
            return {"due_at": soon, "asked": case((_r.lease_owner.is_not(None), ASKED_AGAIN), else_=0)}


def _delete(connection: Connection, chosen: ColumnElement[bool], at: int) -> Acted:
    """A message is locked before its entries, as where others settle some of them; but for one that is sent whole."""
    now = literal(at, BigInteger)
    idle = select(_r.queue_id).where(chosen, ~under_way(now)).distinct().order_by(_r.queue_id)
    locked = connection.scalars(idle).all()
    _lock(connection, locked)
    sending = _lock_sending(connection, and_(chosen, under_way(now)))
    deleted = update(queued_recipient).where(chosen).values(deletion(now))
    rows = connection.execute(deleted.returning(_r.queue_id, _r.done_at)).all()
    ended = sorted({queue_id for queue_id, done_at in rows if done_at})
    _lock(connection, sorted(set(ended).difference(locked)))
    _let_go(connection, ended, at)
    return Acted(len(rows), sending)


def _let_pass(connection: Connection, chosen: ColumnElement[bool]) -> None:
    """The first ones of each domain are tried though its servers are left alone; where these answer, others follow."""
    rank = func.row_number().over(partition_by=_r.domain, order_by=(_r.priority, _r.created_at)).label("rank")
    ranked = select(_r.queue_id, _r.number, rank).where(chosen).subquery()
    first = select(ranked.c.queue_id, ranked.c.number).where(ranked.c.rank <= _PROBES)
    connection.execute(update(queued_recipient).where(tuple_(_r.queue_id, _r.number).in_(first)).values(due_at=AT_ONCE))


def _lock_sending(connection: Connection, sending: ColumnElement[bool]) -> int:
    """In the order in which others lock them."""
    locked = select(_r.queue_id).where(sending).order_by(_r.queue_id, _r.number).with_for_update()
    return len(connection.execute(locked).all())


def _lock(connection: Connection, ids: Sequence[int]) -> None:
    for at in range(0, len(ids), _BATCH):
        locked = select(_m.queue_id).where(_m.queue_id.in_(ids[at : at + _BATCH])).order_by(_m.queue_id)
        connection.execute(locked.with_for_update())


def _let_go(connection: Connection, ids: Sequence[int], now: int) -> None:
    """Messages of which nothing waits any more need their content no longer."""
    for at in range(0, len(ids), _BATCH):
        is_open = exists().where(_r.queue_id == _m.queue_id, _r.done_at == 0).correlate(queued_message)
        done = and_(_m.queue_id.in_(ids[at : at + _BATCH]), _m.done_at == 0, ~is_open)
        contents = connection.execute(
            update(queued_message).where(done).values(done_at=now).returning(_m.queue_id, _m.content_id)
        ).all()
        ended = [row.queue_id for row in contents]
        connection.execute(delete(retained).where(retained.c.holder.in_(ended)))
        for content_id in {row.content_id for row in contents}:
            noted = insert(released).from_select(
                names(released), select(literal(0, BigInteger), literal(content_id), literal(now, BigInteger))
            )
            connection.execute(
                noted.on_conflict_do_update(
                    index_elements=[released.c.account_id, released.c.message_id],
                    set_={"released_at": noted.excluded.released_at},
                )
            )


def _wake(connection: Connection, domains: Sequence[str], *, speak_again: bool) -> None:
    """Have gateways look: on PostgreSQL at once, on SQLite when its writer sees that another process has committed.

    `speak_again`: servers that are left alone are tried, too; in a smarthost's case, the smarthost.
    """
    if speak_again:
        d = queue_destination.c
        lanes = or_(d.domain.in_(domains), d.domain.like("%:%"))
        connection.execute(update(queue_destination).where(lanes).values(retry_at=0))
    if connection.dialect.name == "postgresql":
        for payload in payloads(domains):
            connection.execute(select(func.pg_notify(CHANNEL, payload)))
