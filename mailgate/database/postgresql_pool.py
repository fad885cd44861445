"""A pool of connections whose hand-over costs a microsecond; asyncpg's own costs as much as a query."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

CLOSE_SECONDS: Final = 10.0
"""How long a pool takes to close at most: a server that fell silent holds nobody up."""
_CLOSED: Final = "the database is closed"


class Pool:
    """Keeps up to `size` connections, made when needed; the last one used is the first to be used again.

    Sessions are not reset between users: nothing here changes their settings.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], *, size: int, patience: float) -> None:
        self._connect = connect
        self._size = size
        self._patience = patience
        self._places = asyncio.Semaphore(size)
        self._idle: list[asyncpg.Connection] = []
        self._lent: set[asyncpg.Connection] = set()
        self._closed = False
        self._ended = False

    async def take(self) -> asyncpg.Connection:
        """Lend a connection, until `give_back`.

        Raises:
            TimeoutError: all were in use for `patience` seconds.
            Exception: whatever `connect` raises.
        """
        if self._closed:
            raise RuntimeError(_CLOSED)
        if self._places.locked():
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        else:
            await self._places.acquire()
        try:
            connection = self._take_idle() or await self._connect()
        except BaseException:
            self._places.release()
            raise
        if self._ended:
            connection.terminate()
            raise RuntimeError(_CLOSED)
        self._lent.add(connection)
        return connection

    def give_back(self, connection: asyncpg.Connection) -> None:
        """End a loan."""
        self._lent.discard(connection)
        self._idle.append(connection)
        self._places.release()

    def expire(self) -> None:
        """Drop the idle connections: after one was lost, the others are likely dead too."""
        while self._idle:
            self._idle.pop().terminate()

    async def close(self) -> None:
        """Wait for the connections in use to come back and close all; after `CLOSE_SECONDS`, or when nobody waits for
        it any more, cut off what is left.
        """
        if self._closed:
            return
        self._closed = True
        try:
            with contextlib.suppress(TimeoutError):
                await self._close()
        finally:
            self._ended = True
            for connection in self._lent:
                connection.terminate()
            self.expire()

    async def _close(self) -> None:
        async with asyncio.timeout(CLOSE_SECONDS):
            for _ in range(self._size):
                await self._places.acquire()
            await asyncio.gather(*(connection.close() for connection in self._idle))

    def _take_idle(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None
