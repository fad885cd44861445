"""The connection that listens to the notifications of every process."""

from __future__ import annotations

import asyncio
import contextlib
import random

import asyncpg

from mailgate.database.listeners import Listeners
from mailgate.database.postgresql_connection import CHANNEL, GAP

_CONNECT_SECONDS = 10.0
_HEARTBEAT_SECONDS = 30.0  # a connection that died in silence is noticed after this
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0


class Listener:
    """Keeps one connection on LISTEN for as long as it lives, making it anew whenever it is lost.

    Receivers get None each time that listening (re)begins: what was published before has been missed.
    """

    def __init__(self, url: str, listeners: Listeners, own_gap: str) -> None:
        self._url = url
        self._own_gap = own_gap
        self._listeners = listeners
        self._task: asyncio.Task[None] | None = None

    def start(self) -> bool:
        """Begin, if it has not begun: whether it does."""
        if self._task is not None:
            return False
        self._task = asyncio.create_task(self._keep(), name="postgresql-listener")
        return True

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                connection = await asyncpg.connect(
                    self._url, timeout=_CONNECT_SECONDS, server_settings={"application_name": "mailgate listener"}
                )
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 no secret
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            try:
                await self._listen(connection)
            finally:
                connection.terminate()

    def _receive(self, payload: str) -> None:
        if payload != self._own_gap:
            self._listeners.publish(None if payload.startswith(GAP) else payload)

    async def _listen(self, connection: asyncpg.Connection) -> None:
        """Pass notifications on until the connection is lost."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, lambda *notification: self._receive(notification[3]))
            self._listeners.publish(None)
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_HEARTBEAT_SECONDS):
                        await lost.wait()
                    return
                await connection.execute("SELECT 1", timeout=_CONNECT_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return
