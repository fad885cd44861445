"""Servers behind a proxy: who may speak for others, how long it may take, and that its clients are who they are."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from imap.server import ImapServer
from mailgate import proxied
from mailgate.proxied import Network, ProxiedListeners
from smtp.limits import Limits
from smtp.mx import MxServer
from smtp.submission import SubmissionServer
from tests.imap.memory_backend import MemoryBackend
from tests.proxied.test_header import LOCAL, PROXY, V4, addresses, version_2
from tests.smtp.conftest import MESSAGE, PATIENCE, School, Wire
from tests.smtp.test_mx import Letterbox, begin

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
V1 = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n"
HELLO = "EHLO relay.elsewhere.example"


@dataclass
class Proxy:
    """A way to the server through a proxy."""

    port: int
    listeners: ProxiedListeners
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, header: bytes, tls: ssl.SSLContext | None = None) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        writer.write(header)
        if tls is not None:
            await writer.start_tls(tls, server_hostname="localhost")
        return Wire(reader, writer)


Start = Callable[..., Awaitable[Proxy]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    started: list[tuple[Proxy, MxServer | SubmissionServer | ImapServer]] = []

    async def go(
        server: MxServer | SubmissionServer | ImapServer,
        *,
        starttls: bool = True,
        trusted: Network = LOOPBACK,
        patience: float = PATIENCE,
    ) -> Proxy:
        listeners = ProxiedListeners([trusted], patience)
        sock = socket.create_server(("127.0.0.1", 0))
        listeners.start([sock], partial(server.adopt, starttls=starttls))
        proxy = Proxy(sock.getsockname()[1], listeners)
        started.append((proxy, server))
        return proxy

    yield go
    for proxy, server in started:
        for writer in proxy.writers:
            with contextlib.suppress(AttributeError):
                writer.transport.abort()
        await proxy.listeners.stop()
        await server.stop(grace=5)


def mx(box: Letterbox, tls: ssl.SSLContext, **limits: int) -> MxServer:
    return MxServer(box, tls, hostname="mx.ecole.example", limits=Limits(**limits))


@pytest.mark.parametrize(
    ("header", "host"),
    [
        (V1, "192.0.2.1"),
        (version_2(PROXY, 0x11, V4), "192.0.2.1"),
        (version_2(PROXY, 0x21, addresses("2001:db8::1", "::1", 1, 2)), "2001:db8::1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (version_2(LOCAL, 0, b""), "127.0.0.1"),
    ],
)
async def test_a_message_comes_from_whom_the_proxy_names(
    start: Start, server_tls: ssl.SSLContext, header: bytes, host: str
) -> None:
    box = Letterbox()
    proxy = await start(mx(box, server_tls))
    wire = await proxy.connect(header)
    assert (await wire.reply()).startswith("220 ")
    await wire.ask(HELLO)
    await begin(wire)
    assert (await wire.data(MESSAGE + b".\r\n")).startswith("250 ")
    assert [envelope.peer.host for envelope, _ in box.delivered] == [host]


async def test_the_header_and_what_follows_may_come_together_or_in_single_octets(
    start: Start, server_tls: ssl.SSLContext
) -> None:
    proxy = await start(mx(Letterbox(), server_tls))
    for header in (V1, version_2(PROXY, 0x11, V4)):
        together = await proxy.connect(header + HELLO.encode() + b"\r\n")
        assert (await together.reply()).startswith("220 ")
        assert (await together.reply()).startswith("250")
        slowly = await proxy.connect(b"")
        for octet in header:
            await slowly.send(bytes([octet]))
            await asyncio.sleep(0)
        assert (await slowly.reply()).startswith("220 ")


async def test_limits_are_those_of_the_client_not_of_the_proxy(start: Start, server_tls: ssl.SSLContext) -> None:
    proxy = await start(mx(Letterbox(), server_tls, connections_per_peer=1))
    for last in range(1, 5):
        wire = await proxy.connect(V1.replace(b"192.0.2.1", b"192.0.2.%d" % last))
        assert (await wire.reply()).startswith("220 ")
    refused = await proxy.connect(V1)
    assert (await refused.reply()).startswith("421 4.7.0")


async def test_tls_comes_behind_the_header(
    start: Start, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    school = School()
    proxy = await start(SubmissionServer(school, server_tls, hostname="mail.ecole.example"), starttls=False)
    wire = await proxy.connect(version_2(PROXY, 0x11, V4), client_tls)
    await wire.sign_in()
    assert [peer.host for peer in school.peers] == ["192.0.2.1"]
    assert school.peers[0].tls.startswith("TLSv1.3")


@pytest.mark.parametrize("kind", ["tls", "starttls"])
async def test_imap_knows_the_client_too(
    start: Start, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, kind: str
) -> None:
    starttls = kind == "starttls"
    server = ImapServer(MemoryBackend(), ssl_context=server_tls)
    proxy = await start(server, starttls=starttls)
    wire = await proxy.connect(V1, None if starttls else client_tls)
    async with asyncio.timeout(PATIENCE):
        assert (await wire.reader.readline()).startswith(b"* OK")
    [connection] = server._context.connections
    assert (connection.peer.host, connection.peer.port, connection.peer.tls) == ("192.0.2.1", 56324, not starttls)


@pytest.mark.parametrize("header", [V1, version_2(PROXY, 0x11, V4), b"EHLO relay.elsewhere.example\r\n"])
async def test_who_is_no_proxy_gets_no_word(start: Start, server_tls: ssl.SSLContext, header: bytes) -> None:
    proxy = await start(mx(Letterbox(), server_tls), trusted=ipaddress.ip_network("192.0.2.0/24"))
    wire = await proxy.connect(header)
    with contextlib.suppress(ConnectionError):
        assert await wire.rest() == ""


@pytest.mark.parametrize("said", [b"EHLO relay.elsewhere.example\r\n", b"", V1[:-1], version_2(PROXY, 0x11, V4)[:-1]])
async def test_a_proxy_that_does_not_say_for_whom_is_cut_off_in_time(
    start: Start, server_tls: ssl.SSLContext, said: bytes
) -> None:
    proxy = await start(mx(Letterbox(), server_tls), patience=0.1)
    wire = await proxy.connect(said)
    with contextlib.suppress(ConnectionError):
        assert await wire.rest() == ""


async def test_a_stop_waits_for_no_header(start: Start, server_tls: ssl.SSLContext) -> None:
    proxy = await start(mx(Letterbox(), server_tls))
    wire = await proxy.connect(b"PROXY ")
    while not proxy.listeners._introductions:  # noqa: ASYNC110 - until it is accepted
        await asyncio.sleep(0)
    await proxy.listeners.stop()
    with contextlib.suppress(ConnectionError):
        assert await wire.rest() == ""


async def test_connections_without_header_are_bounded_and_handshakes_are_none_of_them(
    start: Start, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxied, "WAITING", 2)
    proxy = await start(ImapServer(MemoryBackend(), ssl_context=server_tls), starttls=False)
    for number in range(1, 4):
        await proxy.connect(V1)
        while proxy.listeners._waiting or len(proxy.listeners._introductions) < number:  # noqa: ASYNC110 - until it is read
            await asyncio.sleep(0)
    silent = [await proxy.connect(b"PROXY ") for _ in range(2)]
    while len(proxy.listeners._waiting) < 2:  # noqa: ASYNC110 - until they are accepted
        await asyncio.sleep(0)
    with contextlib.suppress(ConnectionError):
        assert await (await proxy.connect(b"PROXY ")).rest() == ""
    await silent[0].send(b"UNKNOWN\r\n")
    while len(proxy.listeners._waiting) == 2:  # noqa: ASYNC110 - until that is read
        await asyncio.sleep(0)
    wire = await proxy.connect(V1, client_tls)
    async with asyncio.timeout(PATIENCE):
        assert (await wire.reader.readline()).startswith(b"* OK")
