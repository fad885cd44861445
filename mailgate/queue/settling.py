"""What came of entries that were taken up, written down: of all that wait for it in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, Text, and_, bindparam, case, exists, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from mailgate.database import Database, DatabaseError, Statement, Tx
from mailgate.database.statement import member, rows
from mailgate.queue.schema import ASKED_AGAIN, AT_ONCE, DELETED, WAITING, aside, queued_message, queued_recipient
from mailgate.store.retained import let_go, letting_go
from mailgate.store.schema import number

_AT_ONCE: Final = 100
"""Outcomes of one transaction."""

_r = queued_recipient.c
_m = queued_message.c
_LOCK: Final = Statement(select(_m.queue_id).where(member(_m.queue_id, "ids")).order_by(_m.queue_id).with_for_update())
_results = rows(
    "results", queue_id=BigInteger, number=BigInteger, state=Text, due_at=BigInteger, attempts=BigInteger,
    doubts=BigInteger, code=BigInteger, status=Text, answer=Text, remote=Text, done_at=BigInteger,
)  # fmt: skip
_tries_on = _results.c.state == WAITING
_settle = (
    update(queued_recipient)
    .where(
        _r.queue_id == _results.c.queue_id,
        _r.number == _results.c.number,
        aside(_r.lease_owner) == bindparam("owner", type_=Text),
        _r.done_at == 0,
    )
    .values(
        lease_owner=None,
        **{name: _results.c[name] for name in ("code", "status", "answer", "remote")},
        state=case((_tries_on, _r.state), else_=_results.c.state),
        due_at=case((and_(_tries_on, _r.asked == ASKED_AGAIN), AT_ONCE), else_=_results.c.due_at),
        done_at=case((and_(_tries_on, _r.state == DELETED), number("now")), else_=_results.c.done_at),
        asked=0,
        attempts=_r.attempts + _results.c.attempts,
        doubts=_r.doubts + _results.c.doubts,
    )
    .returning(
        _r.queue_id, _r.number, _r.done_at, and_(_r.state == WAITING, _r.due_at <= number("now")).label("at_once")
    )
)
"""What does not end here is as an operator wants it by now: held, deleted, or tried once more at once."""
_SETTLE: Final = Statement(_settle)


def _ending(*but: ColumnElement[bool]) -> ReturningUpdate[tuple[int, bytes]]:
    """Of these messages, those of which nothing waits any more, `but` for recipients about which this is not known."""
    waits = exists().where(_r.queue_id == _m.queue_id, _r.done_at == 0, *but).correlate(queued_message)
    ended = update(queued_message).where(member(_m.queue_id, "ids"), _m.done_at == 0, ~waits)
    return ended.values(done_at=number("now")).returning(_m.queue_id, _m.content_id)


_END: Final = Statement(_ending())


def _settling() -> Statement:
    """All of it at once, for PostgreSQL, whose parts do not see what the others change."""
    settled = _settle.cte("settled")
    s = settled.c
    done = (
        select(s.number)
        .where(s.queue_id == _r.queue_id, s.number == _r.number, s.done_at > 0)
        .correlate(queued_recipient)
    )
    ended = _ending(~done.exists()).cte("ended")
    return Statement(select(s.queue_id, s.at_once).add_cte(ended, *letting_go(ended.c.content_id, ended.c.queue_id)))


_SETTLE_AT_ONCE: Final = _settling()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one recipient: what its row is to be; `attempts` and `doubts` are added to it."""

    number: int
    state: str
    due_at: int
    attempts: int
    doubts: int
    code: int
    status: str
    answer: str
    remote: str
    done_at: int

    @property
    def row(self) -> tuple[int | str, ...]:
        """For the statement."""
        return (
            self.number, self.state, self.due_at, self.attempts, self.doubts, self.code, self.status, self.answer,
            self.remote, self.done_at,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settled:
    """What was written: of how many recipients, and of which messages some are to be tried again at once."""

    number: int
    at_once: Collection[int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of all recipients that were handed over together; `whole`: the message has no others."""

    queue_id: int
    results: Sequence[Result]
    whole: bool
    at: int
    """Seconds since the epoch."""


_Pending: TypeAlias = tuple[Outcome, "asyncio.Future[bool]"]


async def lock(tx: Tx, *queue_ids: int) -> None:
    """Be the only one who changes what became of these messages, until the transaction ends."""
    await tx.all(_LOCK, ids=queue_ids)


async def settle(tx: Tx, owner: str, outcomes: Sequence[Outcome]) -> Settled:
    """Write what came of recipients that this owner still has, and let contents go that nobody needs. One statement on
    PostgreSQL where each message is whole.

    Of a message with other recipients, others may settle those at the same time: each would see the other's wait.
    """
    if not all(one.whole for one in outcomes):
        await lock(tx, *(one.queue_id for one in outcomes))
    ids, now = [one.queue_id for one in outcomes], max(one.at for one in outcomes)
    results = sorted((one.queue_id, *result.row) for one in outcomes for result in one.results)  # others lock in order
    if tx.engine == "postgresql":
        found = await tx.all(_SETTLE_AT_ONCE, owner=owner, results=results, ids=ids, now=now)
        return Settled(len(found), {queue_id for queue_id, at_once in found if at_once})
    rows = await tx.all(_SETTLE, owner=owner, results=results, now=now)
    await end_if_done(tx, ids, now)
    return Settled(len(rows), {queue_id for queue_id, *_, at_once in rows if at_once})


async def end_if_done(tx: Tx, queue_ids: Sequence[int], now: int) -> None:
    """Let contents go that no recipient needs; call `lock` first."""
    for queue_id, content_id in await tx.all(_END, ids=queue_ids, now=now):
        await let_go(tx, content_id, queue_id, now)


class Settler:
    """Settles what several runners have handed over: what comes while a transaction is under way goes into the next."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._waiting: list[_Pending] = []
        self._task: asyncio.Task[None] | None = None

    async def settle(self, outcome: Outcome) -> bool:
        """Return once it is durable, and whether a part is to be tried again at once.

        Raises what `Database.write` raises.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((outcome, done))
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="queue-settler")
        return await done

    def close(self) -> None:
        """Give up what is under way, when nobody waits for it any more."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
                try:
                    settled = await self._write([outcome for outcome, _ in some])
                except DatabaseError as error:
                    _answer(some, error)
                except Exception:
                    await self._write_each(some)
                else:
                    _answer(some, settled)
        finally:
            self._task = None

    async def _write(self, outcomes: Sequence[Outcome]) -> Settled:
        work = partial(settle, owner=self._owner, outcomes=outcomes)
        if all(one.whole for one in outcomes):
            return await self._database.write_alone(work, durable=True)
        return await self._database.write(work)

    async def _write_each(self, some: Sequence[_Pending]) -> None:
        """One that cannot be written keeps no other from it: the messages have left."""
        for one in some:
            try:
                settled = await self._write([one[0]])
            except Exception as error:
                _answer([one], error)
            else:
                _answer([one], settled)


def _answer(some: Sequence[_Pending], came_of: Settled | Exception) -> None:
    for outcome, done in some:
        if done.done():  # who waited was cancelled
            continue
        if isinstance(came_of, Settled):
            done.set_result(outcome.queue_id in came_of.at_once)
        else:
            done.set_exception(came_of)
