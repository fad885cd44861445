"""An SMTP submission client that notes the moment at which it sent the end of DATA."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


class SmtpError(Exception):
    """A command was refused."""


@dataclass(frozen=True)
class Sent:
    """The times (of `perf_counter`) of the end of DATA and of its answer."""

    ended: float
    answered: float


class SmtpClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, address: tuple[str, int], tls: ssl.SSLContext, user: str, password: str) -> Self:
        """Connect and sign in."""
        client = cls(*await asyncio.open_connection(*address, ssl=tls, server_hostname="localhost"))
        await client._greet(b"localhost")
        secret = base64.b64encode(f"\0{user}\0{password}".encode())
        await client._command(b"AUTH PLAIN " + secret, b"235")
        return client

    @classmethod
    async def open(cls, address: tuple[str, int]) -> Self:
        """Connect as another server does, in the clear."""
        client = cls(*await asyncio.open_connection(*address))
        await client._greet(b"mx.elsewhere.example")
        return client

    async def _greet(self, name: bytes) -> None:
        await self._reply(b"220")
        await self._command(b"EHLO " + name, b"250")

    async def send(self, sender: str, recipients: Sequence[str], message: bytes) -> Sent:
        """Send one message, whose lines end in CRLF."""
        await self._command(f"MAIL FROM:<{sender}>".encode(), b"250")
        for recipient in recipients:
            await self._command(f"RCPT TO:<{recipient}>".encode(), b"250")
        await self._command(b"DATA", b"354")
        stuffed = message.replace(b"\r\n.", b"\r\n..")
        self._writer.write(stuffed + b".\r\n")
        ended = time.perf_counter()
        await self._reply(b"250")
        return Sent(ended, time.perf_counter())

    def close(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()

    async def _command(self, line: bytes, expected: bytes) -> None:
        self._writer.write(line + b"\r\n")
        await self._reply(expected)

    async def _reply(self, expected: bytes) -> None:
        async with asyncio.timeout(120):
            while (line := await self._reader.readline())[3:4] == b"-":
                pass
        if not line.startswith(expected):
            raise SmtpError(line.decode(errors="replace"))
