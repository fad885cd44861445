"""An IMAP client that does as little as it can: it sends a command, and keeps the bytes until the tagged answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from typing import Self, cast

_TAIL = 4096
TIMEOUT = 120.0


class ImapError(Exception):
    """A command was not answered OK."""


class ImapClient(asyncio.Protocol):
    """One connection over TLS."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._chunks: list[bytes] = []
        self._tail = b""
        self._awaited = b"* "
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self._news: asyncio.Future[float] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._count = 0

    @classmethod
    async def connect(cls, address: tuple[str, int], tls: ssl.SSLContext) -> Self:
        """Connect and wait for the greeting."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(cls, *address, ssl=tls, server_hostname="localhost")
        await client.greeting()
        return client

    async def greeting(self) -> None:
        """Wait for the server's first line."""
        await self._answer()

    async def login(self, user: str, password: str) -> None:
        """Sign in."""
        await self.command(f'LOGIN "{user}" "{password}"'.encode())

    async def command(self, text: bytes) -> bytes:
        """Send a command and give everything up to its tagged answer.

        Raises:
            ImapError: the answer is not OK.
        """
        tag = self._next_tag()
        self._expect(tag + b" ")
        self._transport.write(b"%b %b\r\n" % (tag, text))
        return await self._answer()

    async def pipeline(self, commands: Sequence[bytes]) -> bytes:
        """Send commands without waiting, and give everything up to the tagged answer of the last.

        Raises:
            ImapError: one of them is not answered OK.
        """
        tags = [self._next_tag() for _ in commands]
        self._expect(tags[-1] + b" ")
        self._transport.write(b"".join(b"%b %b\r\n" % pair for pair in zip(tags, commands, strict=True)))
        answer = await self._answer()
        if answer.count(b" OK ") < len(tags):
            raise ImapError(f"{answer.count(b' OK ')} of {len(tags)} commands were answered OK")
        return answer

    async def append(self, mailbox: str, messages: Sequence[bytes]) -> None:
        """Append messages in one command: several need a server with MULTIAPPEND (RFC 3502)."""
        tag = self._next_tag()
        self._expect(tag + b" ")
        self._transport.write(b'%b APPEND "%b"' % (tag, mailbox.encode()))
        for message in messages:
            await self._writable.wait()
            self._transport.write(b" {%d+}\r\n" % len(message))  # RFC 7888: the server need not be waited for
            self._transport.write(message)
        self._transport.write(b"\r\n")
        await self._answer()

    async def idle(self) -> None:
        """Begin to IDLE."""
        self._expect(b"+")
        self._transport.write(b"%b IDLE\r\n" % self._next_tag())
        await self._answer()

    def news(self) -> asyncio.Future[float]:
        """Give the time (of `perf_counter`) at which the next EXISTS comes on its own."""
        self._news = self._loop.create_future()
        return self._news

    def close(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # that of uvloop is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answered.done():
            self._answered.set_exception(ConnectionError(f"the server hung up: {exc}"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._answered.done():
            if self._news is not None and b" EXISTS\r\n" in data and not self._news.done():
                self._news.set_result(time.perf_counter())
            return
        self._chunks.append(data)
        self._tail = data[-_TAIL:] if len(data) >= _TAIL else (self._tail + data)[-_TAIL:]
        if self._tail.endswith(b"\r\n") and _last_line(self._tail).startswith(self._awaited):
            self._answered.set_result(None)

    def _next_tag(self) -> bytes:
        self._count += 1
        return b"b%d" % self._count

    def _expect(self, start: bytes) -> None:
        self._chunks = []
        self._tail = b""
        self._awaited = start
        self._answered = self._loop.create_future()

    async def _answer(self) -> bytes:
        async with asyncio.timeout(TIMEOUT):
            await self._answered
        answer = b"".join(self._chunks)
        last = _last_line(self._tail)
        if not last.startswith((self._awaited + b"OK", b"+")):
            raise ImapError(last.decode(errors="replace"))
        return answer


def _last_line(data: bytes) -> bytes:
    return data[:-2].rpartition(b"\r\n")[2]
