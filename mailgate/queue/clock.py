"""What time alone brings about in the queue: notices of what waits, the end of what waited too long, forgetting.

Each message is dealt with in one transaction that looks again, so any number of processes may do this at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Final

import structlog
from sqlalchemy import and_, bindparam, delete, select, update

from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.queue import claim as entries
from mailgate.queue.bounces import Bounces, Kind, Told
from mailgate.queue.outcome import State
from mailgate.queue.schema import DELETED, IS_WAITING, aside, queue_destination, queued_message, queued_recipient
from mailgate.queue.settling import end_if_done, lock
from mailgate.queue.suspending import Failure, SuspendedMeanwhile, Suspensions
from mailgate.store import MailStore
from mailgate.store.schema import number

log = structlog.stdlib.get_logger("mailgate.queue")

_AT_ONCE: Final = 500
_FORGOTTEN_AT_ONCE: Final = 1_000
_DAY: Final = 86_400
_QUEUE_ID: Final = itemgetter(0)

_r = queued_recipient.c
_m = queued_message.c
_quiet: Final = and_(_r.state == IS_WAITING, _r.lease_owner.is_(None), _r.notice_at <= number("now"))
_TOLD: Final = ("number", "address", "notify", "original", "status", "code", "answer", "remote", "person_id", "domain")
_DUE: Final = Statement(
    select(_r.queue_id, *(_r[name] for name in _TOLD))
    .where(_quiet)
    .order_by(_r.notice_at, _r.queue_id, _r.number)
    .limit(number("most"))
)
_NEXT_NOTICE: Final = Statement(
    update(queued_recipient)
    .where(_quiet, _r.queue_id == number("of"), member(_r.number, "numbers"))
    .values(notice_at=number("expires_at"))
)
_GIVE_UP: Final = Statement(
    update(queued_recipient)
    .where(_quiet, _r.queue_id == number("of"), member(_r.number, "numbers"))
    .values(state=State.FAILED.value, done_at=number("now"), due_at=0)
)
_HOST_ANSWERS: Final = Statement(
    select(queue_destination.c.domain, queue_destination.c.answer).where(
        member(queue_destination.c.domain, "names"), queue_destination.c.failures > 0
    )
)
_abandoned = and_(
    _r.lease_owner.is_not(None), aside(_r.state) == DELETED, _r.done_at == 0, _r.due_at <= number("now")
)  # fmt: skip
_ABANDONED: Final = Statement(select(_r.queue_id).where(_abandoned).distinct().order_by(_r.queue_id))
_DELETE: Final = Statement(
    update(queued_recipient)
    .where(_abandoned, member(_r.queue_id, "ids"))
    .values(lease_owner=None, due_at=0, done_at=number("now"))
)
_OLD: Final = Statement(
    select(_m.queue_id).where(_m.done_at > 0, _m.done_at < bindparam("before")).limit(_FORGOTTEN_AT_ONCE)
)
_FORGET: Final = tuple(
    Statement(delete(table).where(member(table.c.queue_id, "ids"))) for table in (queued_recipient, queued_message)
)


class _ChangedError(Exception):
    """Another process was there first."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells senders of what waits, and gives up what waited too long."""

    database: Database
    store: MailStore
    bounces: Bounces
    suspensions: Suspensions
    history: int
    """Seconds that it is known what became of a message."""
    time: Callable[[], float] = time.time

    async def look(self) -> int:
        """Deal with what is due; give the number of messages."""
        now, done = int(self.time()), 0
        await self._end_deleted(now)
        rows = await self.database.read(lambda tx: tx.all(_DUE, now=now, most=_AT_ONCE))
        for queue_id, some in groupby(sorted(rows, key=_QUEUE_ID), key=_QUEUE_ID):
            try:
                done += await self._deal_with(queue_id, [row[1:] for row in some], now)
            except Exception:
                log.exception("a message of the queue stays as it is", queue_id=f"{queue_id:x}")
        return done

    async def _end_deleted(self, now: int) -> None:
        """What was deleted while it was being sent, by a process that died or gave it back."""
        ids = [row[0] for row in await self.database.read(lambda tx: tx.all(_ABANDONED, now=now))]

        async def work(tx: Tx) -> None:
            await lock(tx, *ids)
            await tx.run(_DELETE, ids=ids, now=now)
            await end_if_done(tx, ids, now)

        if ids:
            await self.database.write(work)

    async def _deal_with(self, queue_id: int, rows: Sequence[Row], now: int) -> bool:
        entry = await self.database.read(partial(entries.find, queue_id=queue_id))
        if entry is None:
            return False
        kind = Kind.FAILED if entry.expires_at <= now else Kind.DELAYED
        names = {row[-1] for row in rows}
        hosts = {row[0]: row[1] for row in await self.database.read(lambda tx: tx.all(_HOST_ANSWERS, names=names))}
        told = [
            Told(to, notify.split(",") if notify else (), original, status, code, answer or hosts.get(domain, ""),
                 remote, given_up=kind is Kind.FAILED)
            for _, to, notify, original, status, code, answer, remote, _, domain in rows
        ]  # fmt: skip
        numbers = [row[0] for row in rows]
        parcel = await self.bounces.parcel(entry, kind, told)
        given_up = [Failure(row[-2], row[1]) for row in rows if kind is Kind.FAILED and row[-2] is not None]
        counted = await self.suspensions.count(queue_id, given_up, now)
        parcels = [*([] if parcel is None else [parcel]), *counted.letters]

        async def work(tx: Tx) -> None:
            await lock(tx, queue_id)
            if kind is Kind.FAILED:
                changed = await tx.run(_GIVE_UP, of=queue_id, numbers=numbers, now=now)
                await end_if_done(tx, [queue_id], now)
                await counted.write(tx)
            else:
                changed = await tx.run(
                    _NEXT_NOTICE, of=queue_id, numbers=numbers, now=now, expires_at=entry.expires_at
                )  # fmt: skip
            if changed != len(numbers):
                raise _ChangedError

        try:
            if parcels:
                await self.store.deliver_all(parcels, first=work)
            else:
                await self.database.write(work)
        except (_ChangedError, SuspendedMeanwhile):
            return False
        event = "given up" if kind is Kind.FAILED else "still waiting"
        log.info(event, queue_id=f"{queue_id:x}", recipients=len(numbers))
        return True

    async def forget(self) -> None:
        """The daily upkeep: what left long ago, and domains that nothing goes to."""
        now = int(self.time())
        while ids := [row[0] for row in await self.database.read(lambda tx: tx.all(_OLD, before=now - self.history))]:
            await self.database.write(partial(_forget, ids=ids))
        await self.suspensions.forget(now)
        await self.database.write(partial(entries.forget_destinations, before=now - _DAY))


async def _forget(tx: Tx, ids: list[int]) -> None:
    for statement in _FORGET:
        await tx.run(statement, ids=ids)
