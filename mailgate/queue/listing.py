"""The queue as an operator sees it: page by page along an index, whatever its length."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from directory.schema import address
from directory.ties import people_of
from mailgate.policy.schools import school_id_of
from mailgate.queue.outcome import OPEN, State
from mailgate.queue.schema import IS_WAITING, queue_destination, queued_message, queued_recipient

_r = queued_recipient.c
_m = queued_message.c
_ORDER: Final = (_r.created_at, _r.queue_id, _r.number)
_SHOWN: Final = (
    _r.queue_id, _r.number, _r.state, _r.address, _r.domain, _m.mail_from, _m.size, _r.priority, _r.created_at,
    _r.due_at, _r.attempts, _r.doubts, _r.lease_owner, _r.code, _r.status, _r.answer, _r.remote, _r.done_at,
    _m.expires_at, _m.dispatch_id,
)  # fmt: skip
_DESTINATIONS: Final = 20
_UNKNOWN: Final = {"failures": 0, "retry_at": 0, "answer": ""}


class QueueError(ValueError):
    """An entry that is not there, or that cannot be changed: why."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: all of what is given must hold. Times are seconds since the epoch."""

    states: tuple[State, ...] = tuple(sorted(OPEN))
    school: str | None = None
    sender: str | None = None
    domain: str | None = None
    before: int | None = None
    """Put into the queue before this time."""
    answer: str | None = None
    """A part of the last answer, its codes included."""
    message: str | None = None
    """The number of a message, in hexadecimal."""


class EntryView(msgspec.Struct, frozen=True):
    """One recipient of a message of the queue; times are seconds since the epoch, UTC, 0 for none."""

    id: str
    number: int
    state: State
    recipient: str
    domain: str
    sender: str
    size: int
    priority: int
    created_at: int
    due_at: int
    attempts: int
    doubts: int
    sending: bool
    """Whether a process is at it, or has died so lately that its lease lasts."""
    answer: str
    remote: str
    done_at: int
    expires_at: int
    dispatch: str | None

    @property
    def cursor(self) -> str:
        """What the next page begins after."""
        return f"{self.created_at:x}.{self.id}.{self.number:x}"


class DestinationView(msgspec.Struct, frozen=True):
    """A domain that something waits for."""

    domain: str
    waiting: int
    oldest: int
    failures: int
    retry_at: int
    answer: str


class Stats(msgspec.Struct, frozen=True):
    """The queue in numbers: recipients by state, how many of them may have gone out twice, the busiest domains."""

    recipients: dict[str, int]
    doubtful: int
    oldest: int | None
    destinations: list[DestinationView]


def entries(connection: Connection, wanted: Filter, *, limit: int, after: str | None = None) -> list[EntryView]:
    """A page, the oldest first. Raises QueueError, SchoolError."""
    conditions = [*conditions_of(connection, wanted), *([] if after is None else [_after(after)])]
    pages = (
        _rows(connection, select(*_SHOWN).where(_r.state == literal_column(f"'{state.value}'"), *conditions), limit)
        for state in wanted.states
    )
    merged = heapq.merge(*pages, key=lambda row: (row.created_at, row.queue_id, row.number))
    return [_view(row) for row, _ in zip(merged, range(limit), strict=False)]


def _rows(connection: Connection, statement: Select[Any], limit: int) -> Sequence[Row[Any]]:
    joined = statement.join_from(queued_recipient, queued_message, _m.queue_id == _r.queue_id)
    return connection.execute(joined.order_by(*_ORDER).limit(limit)).all()


def message(connection: Connection, number: str) -> list[EntryView]:
    """All recipients of one message, whatever their state. Raises QueueError."""
    statement = select(*_SHOWN).join_from(queued_recipient, queued_message, _m.queue_id == _r.queue_id)
    rows = connection.execute(statement.where(_r.queue_id == parsed(number)).order_by(_r.number)).all()
    if not rows:
        raise QueueError(f"there is no message {number} in the queue; `mailgate queue list` shows them")
    return [_view(row) for row in rows]


def stats(connection: Connection) -> Stats:
    """The queue in numbers: each is counted in an index alone."""
    counts = select(_r.state, func.count(), func.min(_r.created_at)).group_by(_r.state)
    found = {row[0]: row[1:] for row in connection.execute(counts)}
    doubtful = connection.scalar(select(func.sum(_r.doubts)).where(_r.doubts > literal_column("0")))
    busiest = (
        select(_r.domain, func.count().label("waiting"))
        .where(_r.state == IS_WAITING)
        .group_by(_r.domain)
        .order_by(func.count().desc(), _r.domain)
        .limit(_DESTINATIONS)
        .subquery()
    )
    d = queue_destination.c
    oldest = (
        select(_r.created_at)
        .where(_r.state == IS_WAITING, _r.domain == busiest.c.domain)
        .order_by(_r.created_at)
        .limit(1)
        .correlate(busiest)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(busiest, oldest, *(func.coalesce(d[name], none) for name, none in _UNKNOWN.items()))
        .outerjoin(queue_destination, d.domain == busiest.c.domain)
        .order_by(busiest.c.waiting.desc(), busiest.c.domain)
    )
    return Stats(
        recipients={state: found[state][0] if state in found else 0 for state in State},
        doubtful=int(doubtful or 0),
        oldest=found[State.WAITING][1] if State.WAITING in found else None,
        destinations=[DestinationView(*row) for row in rows],
    )


def conditions_of(connection: Connection, wanted: Filter) -> Iterable[Any]:
    """SQL conditions on both tables, but for the states. Raises QueueError, SchoolError."""
    if wanted.message is not None:
        yield _r.queue_id == parsed(wanted.message)
    if wanted.domain is not None:
        yield _r.domain == wanted.domain.lower()
    if wanted.sender is not None:
        account = select(address.c.person_id).where(address.c.address == wanted.sender.lower()).scalar_subquery()
        yield or_(_m.sender_id == account, _m.mail_from == wanted.sender)
    if wanted.school is not None:
        school_id = school_id_of(connection, wanted.school)
        yield _m.sender_id.in_(select(people_of(literal(school_id, BigInteger)).subquery().c.person_id))
    if wanted.before is not None:
        yield _r.created_at < wanted.before
    if wanted.answer is not None:
        whole = func.lower(cast(_r.code, Text) + " " + _r.status + " " + _r.answer)
        yield whole.contains(wanted.answer.lower(), autoescape=True)


def parsed(number: str) -> int:
    """The number of a message. Raises QueueError."""
    try:
        found = int(number, 16)
    except ValueError:
        found = 0
    if not 0 < found < 2**63:
        raise QueueError(f"{number!r} is no number of a message; `mailgate queue list` shows them")
    return found


def _after(cursor: str) -> Any:  # noqa: ANN401 - an SQL condition
    try:
        created_at, queue_id, number = (int(part, 16) for part in cursor.split("."))
    except ValueError as error:
        raise QueueError(f"{cursor!r} is no place to go on from") from error
    return and_(_r.created_at >= created_at, tuple_(*_ORDER) > tuple_(created_at, queue_id, number))


def _view(row: Row[*tuple[Any, ...]]) -> EntryView:
    code = f"{row.code} {row.status} " if row.code else ""
    sending = row.lease_owner is not None and row.due_at > time.time()
    return EntryView(
        f"{row.queue_id:x}", row.number, State(row.state), row.address, row.domain, row.mail_from, row.size,
        row.priority, row.created_at, row.due_at, row.attempts, row.doubts, sending,
        f"{code}{row.answer}", row.remote, row.done_at, row.expires_at, row.dispatch_id,
    )  # fmt: skip
