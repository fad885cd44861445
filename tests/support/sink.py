"""A mail server for what leaves: it keeps what it is given, and answers as the test wants."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Script = Callable[[str, str], Awaitable[str | None] | str | None]
"""From a verb (or ``CONNECT``, or ``.`` for the end of data) and the rest of the line to a reply; None: the usual one;
an empty one ends the connection."""

EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 10000000", "ENHANCEDSTATUSCODES")


@dataclass(slots=True)
class Taken:
    """A message that was answered 250, or would have been, had the connection lasted."""

    mail: str
    rcpt: list[str]
    data: bytes
    tls: bool


@dataclass(slots=True)
class Sink:
    """Listens on a loopback port while it is entered."""

    script: Script = lambda _verb, _rest: None
    extensions: tuple[str, ...] = EXTENSIONS
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    port: int = 0
    host: str = "127.0.0.1"
    taken: list[Taken] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        context = self.tls if self.implicit else None
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=context, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def wait(self, number: int, timeout: float = 30.0) -> list[Taken]:
        """Until so many messages were taken."""
        async with asyncio.timeout(timeout), self.arrived:
            await self.arrived.wait_for(lambda: len(self.taken) >= number)
        return self.taken

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError
            ):
                await self._talk(reader, writer)
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, verb: str, rest: str, usual: str) -> str:
        found = self.script(verb, rest)
        reply = await found if isinstance(found, Awaitable) else found
        return usual if reply is None else reply

    async def _talk(  # noqa: C901 - one branch for each verb
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        reply = await self._answer("CONNECT", "", "220 sink ESMTP")
        mail, rcpt, secure = "", list[str](), self.implicit
        while reply:
            writer.write(reply.encode() + b"\r\n")
            await writer.drain()
            if reply.startswith("221"):
                return
            line = (await reader.readuntil(b"\r\n")).decode().rstrip("\r\n")
            self.lines.append(line)
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            usual = "250 2.0.0 OK"
            if verb == "EHLO":
                offered = [*self.extensions, *(["STARTTLS"] if self.tls and not secure else [])]
                usual = "\r\n".join([*(f"250-{one}" for one in ("sink", *offered)), "250 HELP"])
            elif verb == "QUIT":
                usual = "221 2.0.0 bye"
            elif verb == "RCPT" and not mail:
                usual = "503 5.5.1 MAIL first"
            elif verb == "DATA":
                usual = "354 go on" if rcpt else "554 5.5.1 no valid recipients"
            reply = await self._answer(verb, rest, usual)
            if verb == "STARTTLS" and self.tls and reply == usual:
                writer.write(b"220 2.0.0 go\r\n")
                await writer.start_tls(self.tls)
                secure = True
                line = (await reader.readuntil(b"\r\n")).decode()
                self.lines.append(line.rstrip())
                reply = "\r\n".join([*(f"250-{one}" for one in ("sink", *self.extensions)), "250 HELP"])
            elif verb == "MAIL":
                mail, rcpt = rest if reply.startswith("2") else "", []
            elif verb == "RCPT" and reply.startswith("2"):
                rcpt.append(rest)
            elif verb == "DATA" and reply.startswith("354"):
                writer.write(reply.encode() + b"\r\n")
                data = await self._data(reader)
                reply = await self._answer(".", "", "250 2.6.0 taken")
                if not reply or reply.startswith("2"):
                    self.taken.append(Taken(mail, rcpt, data, secure))
                    mail, rcpt = "", []
                    async with self.arrived:
                        self.arrived.notify_all()

    async def _data(self, reader: asyncio.StreamReader) -> bytes:
        lines = []
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)
