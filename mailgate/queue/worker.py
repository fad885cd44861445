"""The part of a gateway process that empties the queue: woken by what is put in, and by the clock.

Domains with something to send stand in lanes (`smtp.client.routes.Route.lane`); in each lane a few runners take up
messages, most urgent first, over a connection that they keep while there is more. What one process took up no other
touches: its leases are prolonged while it lives, and no message is completed whose lease may have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from mailgate.database import Database, DatabaseError, DatabaseUnavailable
from mailgate.queue import claim as entries
from mailgate.queue.claim import MOST, Claim
from mailgate.queue.enqueue import domains_in
from mailgate.queue.schema import AT_ONCE
from mailgate.queue.sending import NoRoom, Sending
from smtp.client.connection import Connection

log = structlog.stdlib.get_logger("mailgate.queue")

LOOK: Final = 30.0
"""Seconds after which a worker looks by itself: for what was put off by others, and notifications that were lost."""
_LEAST: Final = 0.05
"""Seconds between two looks."""
_MOST: Final = 500
"""Domains of one look."""
_MORE: Final = 2.0
"""Seconds until the next one where something is due for all of these, and perhaps for more."""
_FRESH: Final = 1.0
"""Seconds after which what was taken up and nobody has begun with is given back: a stop, or what is more urgent, may
have come since.
"""
_LINGER: Final = 1.0
"""Seconds that a connection is kept while nothing is to be sent over it."""
_OUT_OF_REACH: Final = 5.0
"""Seconds until a database that is away is asked again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections in all and of one lane, messages over each; seconds of a lease."""

    connections: int = 50
    per_lane: int = 5
    messages: int = 100
    lease: int = 120


@dataclass(frozen=True, slots=True)
class _Ready:
    """What was taken up for a domain, when that began, by the clock of the machine."""

    claim: Claim
    domain: str
    begun: float


@dataclass(slots=True)
class _Lane:
    """Domains that wait to be looked at, in order, and what was found there and waits for a runner."""

    width: int
    """Runners at a time: fewer than there may be where the servers took no further connection."""
    most: int
    """To be taken up at a time: as many as can begin at once, and more as long as they leave quickly."""
    domains: dict[str, None] = field(default_factory=dict)
    ready: deque[_Ready] = field(default_factory=deque)
    runners: int = 0
    lingering: list[asyncio.Future[None]] = field(default_factory=list)
    """Runners of these that wait with a connection for more."""
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One at a time, so that two runners do not part the recipients of one message."""

    def wake(self) -> bool:
        """Have the last one that began to linger look; whether there was one."""
        while self.lingering:
            more = self.lingering.pop()
            if not more.done():
                more.set_result(None)
                return True
        return False


class Worker:
    """Sends what waits in the queue, from `start` until `close`."""

    def __init__(self, database: Database, make: Callable[[str], Sending], limits: Limits) -> None:
        """`make` gives what hands messages over, for the owner of the leases."""
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._sending = make(self._owner)
        self._database = database
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.connections)
        self._in_line = 0
        self._lanes: dict[str, _Lane] = {}
        self._runners: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._look = asyncio.Event()
        self._held: set[tuple[int, int]] = set()
        """Rows with a lease that is to last."""
        self._prolonged = 0.0
        self._stopping = False
        self._stop_listening: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin with what waits already."""
        free = partial(entries.free_all, now=int(self._sending.clock()))
        if self._database.engine == "sqlite" and (doubtful := await self._database.write(free)):
            log.warning("messages were being sent when the last process ended: some may be sent twice", number=doubtful)
        self._stop_listening = self._database.listen(self._hear)
        self._look.set()
        self._tasks = [
            asyncio.create_task(self._keep_looking(), name="queue"),
            asyncio.create_task(self._keep_leases(), name="queue-leases"),
        ]

    async def close(self, grace: float = 0.0) -> None:
        """Let the messages under way be finished for so many seconds, then give up what is left to others."""
        self._stopping = True
        self._dismiss()
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        looking = self._tasks[:1]
        for task in looking:
            task.cancel()
        if self._runners:
            await asyncio.wait(self._runners, timeout=grace)
        ending = [*self._runners, *self._tasks]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._tasks = []
        self._sending.settler.close()
        try:
            await self._give_back(self._lanes.values())
        except DatabaseError as error:
            log.warning("what was not begun with waits for the end of its lease", reason=str(error))

    def look(self) -> None:
        """Look at the whole queue now."""
        self._look.set()

    def _hear(self, payload: str | None) -> None:
        domains = [] if payload is None else domains_in(payload)
        if domains is None:
            return
        for domain in domains:
            self._want(domain)
        if not domains:
            self.look()

    def _want(self, domain: str) -> None:
        """Have somebody look at a domain."""
        lane = self._lanes.setdefault(
            self._sending.route.lane(domain), _Lane(self._limits.per_lane, self._limits.per_lane)
        )
        lane.domains[domain] = None
        self._add_runner(lane)

    def _add_runner(self, lane: _Lane) -> None:
        if self._stopping or not (lane.ready or lane.domains):
            return
        if not lane.wake() and lane.runners < lane.width:
            lane.runners += 1
            task = asyncio.create_task(self._run(lane), name="queue-runner")
            self._runners.add(task)
            task.add_done_callback(self._runners.discard)

    async def _keep_looking(self) -> None:
        while True:
            self._look.clear()
            pause = _OUT_OF_REACH
            try:
                pause = await self._look_around()
            except DatabaseUnavailable as error:
                log.warning("the queue waits for the database", reason=str(error))
            except Exception:
                log.exception("looking at the queue failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._look.wait()

    async def _look_around(self) -> float:
        """Have all domains looked at for which something is due; give the seconds until something will be."""
        found = await self._database.read(partial(entries.schedule, most=_MOST))
        route, now = self._sending.route, self._sending.clock()
        lanes = {route.lane(domain) for domain, _ in found}
        silent = await self._database.read(partial(entries.silent, lanes=lanes, now=int(now)))
        left = {
            domain: (at if at == AT_ONCE else max(at, silent.get(route.lane(domain), 0))) - now for domain, at in found
        }
        due = [domain for domain, seconds in left.items() if seconds <= 0]
        for domain in due:
            self._want(domain)
        pause = _MORE if len(due) == _MOST else min([LOOK, *(seconds for seconds in left.values() if seconds > 0)])
        for lane in self._lanes.values():  # what a runner left that failed
            lane.width = self._limits.per_lane
            self._add_runner(lane)
        return max(pause, _LEAST)

    async def _run(self, lane: _Lane) -> None:
        async with self._slot():
            try:
                await self._serve(lane)
            except DatabaseUnavailable as error:
                log.warning("sending waits for the database", reason=str(error))
                return
            except Exception:
                log.exception("sending failed")
                return
        self._add_runner(lane)  # behind those in line

    async def _serve(self, lane: _Lane) -> None:
        """Hand over what there is, and what comes while a connection lasts; until others have their turn."""
        connection: Connection | None = None
        sent = 0
        try:
            while (ready := await self._next(lane)) is not None or await self._linger(lane, connection):
                if ready is None:
                    continue
                try:
                    connection, again = await self._hand_over(ready, connection)
                except NoRoom:
                    self._leave_to_others(lane, ready)
                    return
                sent += 1
                if again:
                    lane.domains[ready.domain] = None
                if sent % self._limits.messages:
                    continue
                if connection is not None:
                    await connection.close()
                    connection = None
                if self._in_line:
                    return
        finally:
            lane.runners -= 1
            if connection is not None:
                await connection.close()

    def _leave_to_others(self, lane: _Lane, ready: _Ready) -> None:
        """What a runner has begun with in vain; there are to be no more of them than there are connections, for now."""
        lane.ready.appendleft(ready)
        self._held.update(ready.claim.keys)
        lane.width = max(1, lane.runners - 1)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """One of the connections that there may be; nobody lingers while somebody is in line for one."""
        self._in_line += 1
        if self._slots.locked():
            self._dismiss()
        try:
            await self._slots.acquire()
        finally:
            self._in_line -= 1
        try:
            yield
        finally:
            self._slots.release()

    async def _linger(self, lane: _Lane, connection: Connection | None) -> bool:
        """Wait for more with an open connection: whether to look for it."""
        if connection is None or self._in_line or self._stopping:
            return False
        more: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.lingering.append(more)
        try:
            async with asyncio.timeout(_LINGER):
                await more
        except TimeoutError:
            return more.done() and not more.cancelled()
        finally:
            if more in lane.lingering:
                lane.lingering.remove(more)
        return not (self._in_line or self._stopping)

    def _dismiss(self) -> None:
        """Have nobody linger."""
        for lane in self._lanes.values():
            while lane.wake():
                pass

    async def _next(self, lane: _Lane) -> _Ready | None:
        """What a runner is to hand over; None when there is nothing, or it is to end."""
        async with lane.claiming:
            if lane.ready and lane.ready[0].begun + _FRESH < time.monotonic():
                lane.most = self._limits.per_lane
                lane.domains.update(dict.fromkeys(one.domain for one in lane.ready))
                await self._give_back([lane])
            while lane.domains and not lane.ready and not self._stopping:
                await self._take_up(lane)
            ready = None if self._stopping or not lane.ready else lane.ready.popleft()
        if lane.ready or lane.domains:
            self._add_runner(lane)
        return ready

    async def _take_up(self, lane: _Lane) -> None:
        """Have what is due for the next domain ready."""
        domain = next(iter(lane.domains))
        del lane.domains[domain]
        begun, now = time.monotonic(), int(self._sending.clock())
        taken = await entries.claim(
            self._database, domain=domain, lane=self._sending.route.lane(domain), owner=self._owner, now=now,
            until=now + self._limits.lease, most=lane.most,
        )  # fmt: skip
        if taken.more:
            lane.domains[domain] = None
            lane.most = min(2 * lane.most, MOST)
        lane.ready.extend(_Ready(one, domain, begun) for one in taken.claims)
        self._held.update(key for one in taken.claims for key in one.keys)

    async def _give_back(self, lanes: Iterable[_Lane]) -> None:
        """Let others have what no runner has begun with."""
        keys = [key for lane in lanes for one in lane.ready for key in one.claim.keys]
        for lane in lanes:
            lane.ready.clear()
        self._held.difference_update(keys)
        if keys:
            give_back = partial(entries.give_back, keys=keys, owner=self._owner, now=int(self._sending.clock()))
            await self._database.write(give_back, durable=False)

    async def _hand_over(self, ready: _Ready, connection: Connection | None) -> tuple[Connection | None, bool]:
        """Raises what `Sending.hand_over` raises, with a bug put off; cancelled, it leaves the lease to run out."""

        def go_ahead() -> bool:
            return time.monotonic() < max(ready.begun, self._prolonged) + self._limits.lease * 0.8

        try:
            return await self._sending.hand_over(ready.claim, ready.domain, connection, go_ahead)
        except NoRoom:
            raise
        except Exception:
            until = int(self._sending.clock()) + self._limits.lease
            put_off = partial(entries.put_off, keys=ready.claim.keys, owner=self._owner, until=until)
            await self._database.write(put_off, durable=False)
            raise
        finally:
            self._held.difference_update(ready.claim.keys)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._limits.lease / 4)
            begun = time.monotonic()
            until = int(self._sending.clock()) + self._limits.lease
            try:
                keep = partial(entries.prolong, keys=list(self._held), owner=self._owner, until=until)
                await self._database.write(keep, durable=False)
                self._prolonged = begun
            except DatabaseUnavailable as error:
                log.warning("leases are not prolonged: the database is away", reason=str(error))
            except Exception:
                log.exception("leases are not prolonged")
