"""What is said to a server and what it replies, any number of commands ahead of the replies (RFC 2920).

It takes a connection over from aiosmtplib, which opens it, and which waits for each reply before it says more.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final, cast

import aiosmtplib

_LONGEST: Final = 32 * 1024
"""Octets of a reply."""
_FLOOD: Final = 512 * 1024
"""Octets of all that may be there before it is read: a hundred replies are some ten thousand."""
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_INVALID: Final = -1
"""The code of what is no reply."""
_SHOWN: Final = 200


class Wire(asyncio.Protocol):
    """A connection to a server. What that says without having been asked is ignored."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        """Raises SMTPServerDisconnected."""
        transport = cast("asyncio.Transport | None", client.transport)
        if transport is None or transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self._transport = transport
        self._buffer = bytearray()
        self._owed = 0
        self._lost = False
        self._heard = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        transport.set_protocol(self)

    def command(self, *lines: bytes) -> None:
        """Say these commands, for each of which there will be a reply. Raises SMTPServerDisconnected."""
        if any(map(_CONTROL.search, lines)):
            raise ValueError("a command with a control character")
        self.write(b"".join([b"%s\r\n" % line for line in lines]), replies=len(lines))

    def write(self, octets: bytes, *, replies: int = 0) -> None:
        """Say what is no command. Raises SMTPServerDisconnected."""
        if self._lost or self._transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        self._owed += replies
        self._transport.write(octets)

    async def drain(self, timeout: float) -> None:
        """Wait while the other side does not read. Raises TimeoutError."""
        if not self._writable.is_set():
            async with asyncio.timeout(timeout):
                await self._writable.wait()

    async def reply(self, timeout: float) -> tuple[int, str]:
        """The next reply that is owed: its code, and its lines. Raises TimeoutError, SMTPException."""
        async with asyncio.timeout(timeout):
            while (found := self._reply()) is None:
                if self._lost:
                    raise aiosmtplib.SMTPServerDisconnected("Connection lost")
                self._heard.clear()
                await self._heard.wait()
        self._owed -= 1
        if not self._owed:
            self._buffer.clear()
        return found

    def _reply(self) -> tuple[int, str] | None:
        """What is there of it, once it is whole."""
        texts: list[bytes] = []
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0 and end < _LONGEST:
            line = bytes(self._buffer[start:end])
            start = end + 1
            if not line[:3].isdigit():
                words = f"Malformed SMTP response line: {line[:_SHOWN].decode('utf-8', 'ignore')}"
                raise aiosmtplib.SMTPResponseException(_INVALID, words)
            texts.append(line[4:].strip(b" \t\r"))
            if line[3:4] != b"-":
                del self._buffer[:start]
                return int(line[:3]), b"\n".join(texts).decode("utf-8", "surrogateescape")
        if len(self._buffer) > _LONGEST:
            raise aiosmtplib.SMTPResponseException(_INVALID, "Response too long")
        return None

    def data_received(self, data: bytes) -> None:
        """Of `asyncio.Protocol`, as the others below."""
        if self._owed:
            self._buffer += data
            self._heard.set()
            if len(self._buffer) > _FLOOD:
                self._transport.abort()

    def eof_received(self) -> None:
        """The other side has ended: so do we."""
        self._lost = True
        self._heard.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._lost = True
        self._heard.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """The other side does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()
