"""Looks at the sources on LDAP servers, each when it is due; one process of all that share a database at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
from sqlalchemy import Connection

from directory.model import DirectoryError
from directory.sources import held_sources
from mailgate.config import Settings
from mailgate.database.batch import batch_transaction
from mailgate.database.errors import DatabaseUnavailable
from mailgate.following import states
from mailgate.following.child import in_child
from mailgate.following.states import Live, State

if TYPE_CHECKING:
    from directory.readers.ldap_position import Position

T = TypeVar("T")
log = structlog.stdlib.get_logger("mailgate.following")

_PAUSE: Final = 1.0
"""Seconds between two looks at the clock, at least."""


class Follower:
    """Follows every source of the settings that is on a server and was imported once, from `start` until `close`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sources = [one for one in states.live_sources(settings.directory) if one.server.every]
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, if there is anything to follow."""
        if self._sources:
            self._task = asyncio.create_task(self._keep(), name="follower")

    async def close(self) -> None:
        """End; a look that was begun is left to the next one."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _keep(self) -> None:
        while True:
            wait = float(min(one.server.every for one in self._sources))
            try:
                wait = min(wait, await self.look())
            except DatabaseUnavailable as error:
                log.warning("following waits for the database", reason=str(error))
            except Exception:
                log.exception("following failed")
            await asyncio.sleep(max(_PAUSE, wait))

    async def look(self) -> float:
        """Look at each source whose time has come; the seconds until the next one's."""
        due = []
        for one in self._sources:
            state = await self._do(partial(self._claim, one))
            if state is not None:
                await self._look_at(one, state)
            left = (await self._do(partial(self._state, one))).next_look - time.time()
            due.append(left if left > 0 else one.server.every)
        return min(due)

    async def _look_at(self, one: Live, state: State) -> None:
        from directory.following import glance  # noqa: PLC0415 - ldap3, only where a source is followed

        every, name = one.server.every, one.source.name
        compare = states.next_comparison(state, one.server.compare_hour).timestamp() <= time.time()
        if state.position is not None and not compare:
            try:
                position = await _in_thread(
                    partial(glance, one.source.origin, one.server.to_dict(), state.position), "glance"
                )
            except DirectoryError as error:
                self._complain(name, state, str(error))
                left = states.failed(state, _now(), every, str(error), absent=True)
                await self._do(lambda connection: states.change(connection, state, **left))
                return
            if position is not None:
                await self._do(lambda connection: _unchanged(connection, state, position, every))
                return
        done = await in_child(self._settings, name)
        if done.error:
            self._complain(name, state, done.error)
        else:
            log.info("a source was followed", source=name, changed=done.changed, why=done.why, seconds=done.seconds)

    def _complain(self, name: str, state: State, error: str) -> None:
        if error != state.error:  # once, not at each look
            log.warning("a source cannot be followed", source=name, reason=error)

    def _claim(self, one: Live, connection: Connection) -> State | None:
        academy = self._settings.directory.academy
        if all(held.source.name != one.source.name for held in held_sources(connection, academy)):
            return None
        return states.claim(connection, academy, one.source.name, _now())

    def _state(self, one: Live, connection: Connection) -> State:
        return states.state_of(connection, self._settings.directory.academy, one.source.name)

    async def _do(self, work: Callable[[Connection], T]) -> T:
        async with batch_transaction(self._settings.database.url) as connection:
            return await connection.run_sync(work)


def _unchanged(connection: Connection, state: State, position: Position, every: int) -> None:
    left = states.came_to_its_end(_now(), every)
    encoded = position.encode()
    if encoded != state.position and not states.is_forgotten(connection, state):
        left["position"] = encoded
    states.change(connection, state, **left)


def _now() -> int:
    return int(time.time())


async def _in_thread(work: Callable[[], T], name: str) -> T:
    """Run `work` in a thread for which nobody waits at the end: a server may be silent for long."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            outcome: tuple[T | None, BaseException | None] = work(), None
        except BaseException as error:  # it is raised where the work is awaited
            outcome = None, error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future
