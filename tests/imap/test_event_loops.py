"""The same server on uvloop and on asyncio."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import socket
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import patch

import pytest
import uvloop

from imap.connection import Connection
from imap.server import ImapServer
from tests.imap.conftest import Gateway, Tls, message
from tests.imap.memory_backend import MemoryAccount, MemoryBackend
from tests.imap.wire import eventually


async def scenario(tls: Tls) -> None:
    """STARTTLS, a large message over TLS, a push, a client that breaks its handshake, a stop."""
    gateway = Gateway(MemoryBackend(MemoryAccount(1, "ada", "secret")), tls)
    await gateway.start()
    content = message(body="x" * 3_000_000)
    gateway.account.deliver(content)
    async with await gateway.connect(secure=False) as plain:
        await plain.line()
        assert (await plain.command("STARTTLS"))[-1].startswith(b"t1 OK ")
        await plain.writer.start_tls(tls.client, server_hostname="localhost")
        await plain.ok("LOGIN ada secret")
        await plain.ok("SELECT INBOX")
        assert (await plain.ok("FETCH 1 BODY.PEEK[]"))[0].endswith(content + b")")
    client = await gateway.client()
    await client.ok("SELECT INBOX")
    await client.send(b"i IDLE\r\n")
    await client.line()
    gateway.account.deliver(message())
    assert await client.line() == b"* 2 EXISTS"
    broken = await gateway.connect(secure=False)
    await broken.line()
    await broken.send(b"1 STARTTLS\r\n")
    await broken.line()
    await broken.send(b"this is no TLS\r\n")
    await eventually(lambda: gateway.server.connections == 1)
    await gateway.server.stop(grace=5)
    assert gateway.server.connections == 0
    await gateway.stop()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_on(run: Callable[[Coroutine[Any, Any, None]], None], tls: Tls) -> None:
    run(scenario(tls))


async def test_asyncio_holds_small_buffers_for_tls(gateway: Gateway) -> None:
    assert gateway.server.connections == 0
    assert asyncio.sslproto.SSLProtocol.max_size == 16_384


async def inheriting() -> None:
    """A connection has the options of its listener: no delay, and probes for a client that is gone."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    accepted: list[asyncio.BaseTransport] = []
    server = ImapServer(MemoryBackend(MemoryAccount(1, "ada", "secret")), ssl_context=None)
    with patch.object(Connection, "connection_made", lambda _, transport: accepted.append(transport)):
        await server.start([], starttls=[listening])
        _, writer = await asyncio.open_connection(*listening.getsockname())
        await eventually(lambda: bool(accepted))
    connected = accepted[0].get_extra_info("socket")
    assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 600
    accepted[0].abort()  # type: ignore[attr-defined]
    writer.close()
    await server.stop(grace=0)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_options_of_connections_on(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    run(inheriting())
