"""Messages for checks that are asked directly, and servers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from mailgate.filtering.audience import Concerned
from mailgate.filtering.contract import Arriving
from smtp.handler import Envelope, Peer, Recipient, Sender, Transaction
from smtp.header import Header
from smtp.message import Prepared

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

WELL_MEANT = b"From: a@b.example\r\nSubject: Sortie\r\n\r\nBonjour\r\n"


class Nobody:
    """An audience of no school."""

    async def concerned(self) -> Concerned:
        return Concerned([], {})


def arriving(content: bytes = WELL_MEANT, *, username: str = "", helo: str = "relay.b.example") -> Arriving:
    """A message from outside, or from who signed in."""
    peer = Peer("192.0.2.7", 2525, "TLSv1.3 TLS_AES_256_GCM_SHA384")
    recipients = [Recipient("léa@ent.example.org"), Recipient("max@ent.example.org")]
    transaction: Transaction
    if username:
        sender = Sender(42, username)
        transaction = Envelope(peer, helo, "a@b.example", recipients=recipients, sender=sender)
    else:
        transaction = Transaction(peer, helo, "a@b.example", recipients=recipients)
    message = Prepared(Header(()), Header(()), ("a@b.example",), None)
    audience: Nobody = Nobody()
    return Arriving("77ab", transaction, message, content, audience, 42 if username else 0)  # type: ignore[arg-type]


@asynccontextmanager
async def server(behaviour: Behaviour) -> AsyncIterator[str]:
    """``host:port`` of a server that does so with each client, until the end."""
    clients = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        clients.add(task)
        try:
            await behaviour(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        listening.close()
        # Who was let in last has no task yet.
        for _turn in range(5):
            await asyncio.sleep(0)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await asyncio.sleep(0)


def saying(answer: bytes, *, after: int = 0, then_close: bool = True) -> Behaviour:
    """Read so many octets, say this, and close or be silent."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if after:
            await reader.readexactly(after)
        writer.write(answer)
        await writer.drain()
        if then_close:
            writer.write_eof()
        while await reader.read(65_536):
            pass
        if not then_close:
            await asyncio.Event().wait()

    return behave


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read everything and say nothing."""
    while await reader.read(65_536):
        pass
    await asyncio.Event().wait()


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Neither read nor write."""
    await asyncio.Event().wait()


async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break off at once."""
    writer.transport.abort()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never stop talking."""
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()
