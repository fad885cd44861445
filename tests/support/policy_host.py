"""A host of MTA-STS policies on loopback, under HTTPS: it serves what the test gives it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class PolicyServer:
    """Listens while it is entered. All may be changed meanwhile."""

    tls: ssl.SSLContext
    body: bytes
    status: int = 200
    media_type: str = "text/plain; charset=utf-8"
    silent: bool = False
    """Whether it takes requests and answers none."""
    asked: list[str] = field(default_factory=list)
    """The Host field of each request."""
    posted: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Path, media type and octets of what was sent here by POST."""
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                if lines[0].startswith("POST "):
                    given = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                    body = await reader.readexactly(int(given["content-length"]))
                    self.posted.append((lines[0].split()[1], given["content-type"], body))
                else:
                    assert lines[0] == "GET /.well-known/mta-sts.txt HTTP/1.1"
                self.asked.append(next(line[6:] for line in lines if line.lower().startswith("host: ")))
                if self.silent:
                    await reader.read()
                    return
                head = f"HTTP/1.1 {self.status} x\r\nContent-Type: {self.media_type}\r\nLocation: /elsewhere\r\n"
                head += f"Content-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + self.body)
                await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()
