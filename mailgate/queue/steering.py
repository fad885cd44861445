"""What an operator does to entries of the queue: try again now, hold, release, delete. In one transaction each.

What a process is sending at the moment is left to it: whether the other side takes it is no longer for us to say.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, and_, delete, exists, func, literal, or_, select, update

from mailgate.database.postgresql_connection import CHANNEL
from mailgate.database.statement import insert
from mailgate.queue.enqueue import payloads
from mailgate.queue.listing import Filter, QueueError, conditions_of
from mailgate.queue.outcome import OPEN, State
from mailgate.queue.schema import IS_WAITING, queue_destination, queued_message, queued_recipient
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
_AT_ONCE: Final = 1_000
ACTIONS: Final = tuple(_FROM)


def hold_all(connection: Connection) -> int:
    """Hold everything, leases or not, while no gateway runs; give the number."""
    held = {"state": State.HELD.value, "lease_owner": None}
    return connection.execute(update(queued_recipient).where(_r.state == IS_WAITING).values(held)).rowcount


def act(connection: Connection, action: str, wanted: Filter) -> int:
    """Do one of `ACTIONS` to all entries of a filter that are in a state for it; give their number.

    Raises QueueError when a message is named of which nothing can be changed, SchoolError.
    """
    now = int(time.time())
    chosen = and_(
        or_(_r.lease_owner.is_(None), _r.due_at <= now),
        _r.state.in_([state.value for state in _FROM[action]]),
        *_on_recipients(connection, wanted),
    )
    ids = list(connection.scalars(select(_r.queue_id).where(chosen).distinct().order_by(_r.queue_id)))
    if wanted.message is not None and not ids:
        raise QueueError(f"nothing of message {wanted.message} can be changed so: it is done, held, or being sent")
    if action == "delete":  # others settle under the same lock
        _lock(connection, ids)
    domains = sorted(set(connection.scalars(select(_r.domain).where(chosen).distinct())))
    changed = connection.execute(update(queued_recipient).where(chosen).values(**_values(action, now))).rowcount
    if action == "delete":
        _let_go(connection, ids, now)
    if action in {"retry", "release"}:
        _wake(connection, domains, speak_again=action == "retry")
    return changed


def _on_recipients(connection: Connection, wanted: Filter) -> Iterable[Any]:
    """The conditions of a filter as those of `queued_recipient` alone."""
    conditions = list(conditions_of(connection, wanted))
    if conditions:
        yield exists().where(_m.queue_id == _r.queue_id, *conditions).correlate(queued_recipient)


def _values(action: str, now: int) -> dict[str, Any]:
    match action:
        case "hold":
            return {"state": State.HELD.value, "lease_owner": None}
        case "delete":
            return {"state": State.DELETED.value, "lease_owner": None, "due_at": 0, "done_at": now}
        case _:
            return {"state": State.WAITING.value, "lease_owner": None, "due_at": now}


def _lock(connection: Connection, ids: Sequence[int]) -> None:
    for at in range(0, len(ids), _AT_ONCE):
        locked = select(_m.queue_id).where(_m.queue_id.in_(ids[at : at + _AT_ONCE])).order_by(_m.queue_id)
        connection.execute(locked.with_for_update())


def _let_go(connection: Connection, ids: Sequence[int], now: int) -> None:
    """Messages of which nothing waits any more need their content no longer."""
    for at in range(0, len(ids), _AT_ONCE):
        is_open = exists().where(_r.queue_id == _m.queue_id, _r.done_at == 0).correlate(queued_message)
        done = and_(_m.queue_id.in_(ids[at : at + _AT_ONCE]), _m.done_at == 0, ~is_open)
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
    """Have gateways look: on PostgreSQL at once, on SQLite the next time they do by themselves.

    `speak_again`: servers that are left alone are tried, too; in a smarthost's case, the smarthost.
    """
    if speak_again:
        d = queue_destination.c
        lanes = or_(d.domain.in_(domains), d.domain.like("%:%"))
        connection.execute(update(queue_destination).where(lanes).values(retry_at=0))
    if connection.dialect.name == "postgresql":
        for payload in payloads(domains):
            connection.execute(select(func.pg_notify(CHANNEL, payload)))
