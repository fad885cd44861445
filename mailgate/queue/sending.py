"""One piece of work of the queue: what was taken up for a domain is handed over, and what came of it written down."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

import structlog

from imap.errors import MessageGone
from mailgate.database import Database, DatabaseError, Tx
from mailgate.queue import claim as entries
from mailgate.queue.bounces import Bounces, Kind, Told
from mailgate.queue.claim import Claim, Entry
from mailgate.queue.forms import Forms
from mailgate.queue.outcome import State, results_of
from mailgate.queue.schedule import Schedule
from mailgate.queue.settling import Outcome, Result, Settler, settle
from mailgate.queue.suspending import Failure, SuspendedMeanwhile, Suspensions, counts
from mailgate.store import MailStore
from smtp.client.answers import Answer, SendingError
from smtp.client.connection import Connection, To
from smtp.client.routes import Route
from smtp.tls_demand import TlsDemand

log = structlog.stdlib.get_logger("mailgate.queue")

_PAUSE = 2.0
"""Seconds until a result is written again that the database did not take."""


class LeaseLost(Exception):
    """Others have taken the entries up meanwhile: their report is the one that counts."""


class NoRoom(Exception):
    """Servers to which there are connections already take no further one: nothing was said of a message."""


@dataclass(slots=True)
class Sending:
    """Hands messages over by a route and settles them for `owner`."""

    database: Database
    store: MailStore
    route: Route
    schedule: Schedule
    bounces: Bounces
    forms: Forms
    suspensions: Suspensions
    owner: str
    clock: Callable[[], float] = time.time
    settler: Settler = field(init=False)
    _open: WeakKeyDictionary[Connection, str] = field(default_factory=WeakKeyDictionary)
    """The connections of each lane."""
    _trying: dict[asyncio.Future[None], str] = field(default_factory=dict)
    """Those that are being made."""

    def __post_init__(self) -> None:
        self.settler = Settler(self.database, self.owner)

    async def hand_over(
        self, claim: Claim, domain: str, connection: Connection | None, go_ahead: Callable[[], bool]
    ) -> tuple[Connection | None, bool]:
        """Send what was claimed over `connection`, or one made now, and settle it.

        Give the connection if it lasts, and whether more may be sent to the domain at once: a part of it again, or what
        waited for servers that answer by now. Raises NoRoom, with nothing changed.
        """
        answers, connection = await self._answers(claim, domain, connection, go_ahead)
        now = int(self.clock())
        results = results_of(claim, answers, self.schedule, now, random.random())  # noqa: S311 no secret
        log.info(
            "handed over", queue_id=f"{claim.entry.queue_id:x}", domain=domain, remote=answers[0].remote,
            answers=sorted({f"{one.code} {one.status}" for one in answers}), recipients=len(answers),
        )  # fmt: skip
        again = await self._settle(claim, domain, answers, results, now)
        return connection, again or (claim.failures > 0 and _of_host(answers) is None)

    async def _answers(
        self, claim: Claim, domain: str, connection: Connection | None, go_ahead: Callable[[], bool]
    ) -> tuple[list[Answer], Connection | None]:
        to = [To(one.address, one.notify, one.original) for one in claim.recipients]
        demand = _demand(claim.entry)
        if connection is not None and not connection.serves(demand):
            await connection.close()
            connection = None
        while True:
            fresh = connection is None
            try:
                connection = connection or await self._connected(domain, demand)
            except SendingError as error:
                return [error.answer] * len(to), None
            try:
                form = await self.forms.form(claim)
                answers = await connection.send(form.mail, to, self.forms.content(claim, form), go_ahead)
            except MessageGone:
                return [Answer(554, "5.3.0", "The message is there no more")] * len(to), None
            if connection.usable:
                return answers, connection
            await connection.close()
            if fresh or any(one.positive or one.permanent or one.doubtful for one in answers):
                return answers, None
            connection = None  # one that was kept open was closed by the other side: that says nothing of the message

    async def _connected(self, domain: str, demand: TlsDemand) -> Connection:
        """Raises SendingError, NoRoom: which of them it is, is known once others of the lane have come through."""
        lane = self.route.lane(domain)
        trying = asyncio.get_running_loop().create_future()
        self._trying[trying] = lane
        try:
            connection = await self.route.connect(domain, demand)
        except SendingError as error:
            self._came_through(trying)
            of_number = error.answer.of_host and error.answer.temporary and error.failure is None
            if of_number and demand is TlsDemand.POLICY and await self._has_others(lane):
                raise NoRoom from error
            raise
        else:
            self._open[connection] = lane
            return connection
        finally:
            self._came_through(trying)

    def _came_through(self, trying: asyncio.Future[None]) -> None:
        self._trying.pop(trying, None)
        if not trying.done():
            trying.set_result(None)

    async def _has_others(self, lane: str) -> bool:
        """Whether there is a connection in a lane, once it is known."""
        while not any(one.usable for one, at in self._open.items() if at == lane):
            trying = [one for one, at in self._trying.items() if at == lane]
            if not trying:
                return False
            await asyncio.wait(trying, return_when=asyncio.FIRST_COMPLETED)
        return True

    async def _settle(
        self, claim: Claim, domain: str, answers: list[Answer], results: list[Result], now: int
    ) -> bool:  # fmt: skip
        """Write it down, with what the sender is to be told, however long the database is away: whether a part is to
        be tried again at once.
        """
        while True:
            try:
                return await self._settle_once(claim, domain, answers, results, now)
            except SuspendedMeanwhile:
                continue
            except LeaseLost:
                log.warning("lease lost while sending", queue_id=f"{claim.entry.queue_id:x}", domain=domain)
                return False
            except DatabaseError as error:
                log.warning("a result waits for the database", reason=str(error))
                await asyncio.sleep(_PAUSE)

    async def _settle_once(
        self, claim: Claim, domain: str, answers: list[Answer], results: list[Result], now: int
    ) -> bool:  # fmt: skip
        entry = claim.entry
        told = [
            (Told(to.address, to.notify, to.original, one.status, one.code, one.text, one.remote), result, one)
            for to, result, one in zip(claim.recipients, results, answers, strict=True)
        ]
        failed = [one for one, result, _ in told if result.state == State.FAILED]
        relayed = [one for one, _, answer in told if answer.positive and answer.relayed]
        found = [await self.bounces.parcel(entry, Kind.FAILED, failed)]
        found.append(await self.bounces.parcel(entry, Kind.RELAYED, relayed))
        refused = [
            Failure(to.person_id, to.address)
            for to, one in zip(claim.recipients, results, strict=True)
            if to.person_id is not None and one.state == State.FAILED and counts(one.status)
        ]
        counted = await self.suspensions.count(entry.queue_id, refused, now)
        parcels = [*(one for one in found if one is not None), *counted.letters]

        outcome = Outcome(entry.queue_id, results, claim.whole, now)
        host = self._host_noted(claim, domain, answers, now)
        if not (parcels or counted.failures or host):
            return await self.settler.settle(outcome)

        again = False

        async def work(tx: Tx) -> None:
            nonlocal again
            settled = await settle(tx, self.owner, [outcome])
            await counted.write(tx)
            if parcels and settled.number < len(results):
                raise LeaseLost
            if host is not None:
                await host(tx)
            again = bool(settled.at_once)

        if parcels:
            await self.store.deliver_all(parcels, first=work)
        else:
            await self.database.write(work)
        return again

    def _host_noted(
        self, claim: Claim, domain: str, answers: list[Answer], now: int
    ) -> Callable[[Tx], Awaitable[None]] | None:
        """What leaves servers alone that fail, a while longer each time, or forgets it when one answers."""
        note = partial(entries.silence, lane=self.route.lane(domain), now=now)
        bad = _of_host(answers)
        if bad is not None:
            failures = claim.failures + 1
            pause = self.schedule.silence(failures, random.random())  # noqa: S311 no secret
            answer = f"{bad.code} {bad.status} {bad.text}"
            return partial(note, failures=failures, retry_at=now + pause, answer=answer)
        if claim.failures and claim.entry.tls is not TlsDemand.OPTIONAL:  # which says nothing of their TLS
            return partial(note, failures=0, retry_at=0, answer="")
        return None


def _of_host(answers: Sequence[Answer]) -> Answer | None:
    """What says that no server of the domain would take anything at the moment."""
    return next((one for one in answers if one.of_host and one.temporary), None)


def _demand(entry: Entry) -> TlsDemand:
    """What is asked of a connection: a report is sent all the same where nobody promises TLS (RFC 8689 section 5)."""
    return TlsDemand.POLICY if entry.tls is TlsDemand.REQUIRED and not entry.mail_from else entry.tls
