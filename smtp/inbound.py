"""What a client sent and the session has not yet read, with flow control towards the socket."""

from __future__ import annotations

import asyncio
from typing import Final

from smtp.replies import Closing

HIGH_WATER: Final = 128 * 1024
"""Octets waiting at which the socket is no longer read."""
CR: Final = 0x0D


class Disconnected(Exception):
    """The client is gone; there is nobody to answer."""


class BareLineFeed(Closing):
    """A command that ends with LF alone: the two ends no longer agree where lines end, so the connection closes."""

    def __init__(self) -> None:
        super().__init__(500, "5.5.2", "Lines must end with CR LF")


class Inbound:
    """The receiving half of a connection: the transport feeds it, one reader takes lines and blocks from it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._overlong = False
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._transport: asyncio.Transport | None = None
        self._paused = False

    def attach(self, transport: asyncio.Transport) -> None:
        """Throttle this transport from now on."""
        self._transport = transport
        self._throttle()

    def detach(self) -> None:
        """Forget all that came so far and throttle nothing: TLS takes the transport over (RFC 3207 section 4.2)."""
        self._buffer.clear()
        self._scanned = 0
        self._release()
        self._transport = None

    def feed(self, data: bytes) -> None:
        """Take what the transport received."""
        if self._failure is not None:
            return
        self._buffer += data
        self._throttle()
        self._wake()

    def fail(self, reason: Exception) -> None:
        """Make the reader's next wait raise `reason`; the first reason stands, except that a lost peer overrides."""
        if self._failure is None or isinstance(reason, Disconnected):
            self._failure = reason
        self._wake()

    def take_line(self, limit: int) -> bytes | None:
        """The next line without its CRLF, b"" for an empty one; None while none is complete.

        Raises BareLineFeed, and OverflowError for a line over `limit` octets with CRLF, which is then consumed whole.
        """
        buffer = self._buffer
        end = buffer.find(b"\n", self._scanned)
        if end < 0:
            if len(buffer) > limit:
                # The last octet stays: it may be the CR of the end that is still to come.
                del buffer[:-1]
                self._overlong = True
                self._release()
            self._scanned = len(buffer)
            return None
        if end == 0 or buffer[end - 1] != CR:
            raise BareLineFeed
        overlong = self._overlong or end >= limit
        line = bytes(buffer[: end - 1]) if not overlong else b""
        del buffer[: end + 1]
        self._scanned = 0
        self._overlong = False
        self._release()
        if overlong:
            raise OverflowError
        return line

    def take(self, limit: int | None = None) -> bytes:
        """Everything received, up to `limit` octets; b"" when nothing is there."""
        if limit is None or limit >= len(self._buffer):
            data = bytes(self._buffer)
            self._buffer.clear()
        else:
            data = bytes(self._buffer[:limit])
            del self._buffer[:limit]
        self._release()
        return data

    def give_back(self, data: bytes) -> None:
        """Put octets that were taken too far in front again."""
        self._buffer[:0] = data
        self._scanned = 0

    async def more(self) -> None:
        """Wait until the transport has fed something. Raises what `fail` was given."""
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._failure is not None and not self._buffer:
            raise self._failure

    def _throttle(self) -> None:
        if len(self._buffer) > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _release(self) -> None:
        if self._paused and len(self._buffer) <= HIGH_WATER // 2 and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
