"""The connection that publishes what commits had to tell.

A transaction that notifies holds a lock of the whole database server until it has committed, so that one such commit
goes through at a time. Here notifications go out after their commits, all that wait at once, by a commit of their own
that waits for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable

import asyncpg

from mailgate.database.postgresql_connection import CHANNEL, GAP

_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
_PACE = 0.01
"""Seconds between two commits of notifications: each wakes every process, and who writes much gets on without them."""
_MOST = 10_000
"""Payloads that wait for a server that is away; then one that tells of a gap stands for all."""
_NOTIFY = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"


class Notifier:
    """Publishes payloads in the order in which they come, those that wait together once each."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None

    def publish(self, payloads: Iterable[str]) -> None:
        """Have these published: at once, a hundredth of a second after others, or when the server is back."""
        self._waiting.update(dict.fromkeys(payloads))
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._send(), name="postgresql-notifier")

    async def close(self) -> None:
        """Publish what waits, if the server is there, and end."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_CLOSE_SECONDS)
            if self._task is not None:
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._task
        if self._connection is not None:
            self._connection.terminate()

    async def _send(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while self._waiting:
                payloads = list(self._waiting) if len(self._waiting) <= _MOST else [GAP]
                waiting, self._waiting = self._waiting, {}
                try:
                    connection = await self._connected()
                    await connection.execute(_NOTIFY, CHANNEL, payloads)
                    await asyncio.sleep(_PACE)
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    self._waiting = {**waiting, **self._waiting}
                    await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 no secret
                    pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._task = None

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url,
                timeout=_CONNECT_SECONDS,
                command_timeout=_CONNECT_SECONDS,
                server_settings={"application_name": "mailgate notifier", "synchronous_commit": "off"},
            )
        return self._connection
