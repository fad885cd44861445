"""A server with an application in memory, over real sockets."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from imap.limits import Limits
from imap.server import ImapServer
from tests.imap.memory_backend import MemoryAccount, MemoryBackend
from tests.imap.wire import Client, fits

Talk = Callable[[str], Awaitable[None]]


class Tls(NamedTuple):
    """Both sides of a throw-away certificate."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


def make_tls(folder: Path) -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "certificate.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return Tls(server, ssl.create_default_context(cadata=pem.decode()))


class Gateway:
    """A running server and a person with mailboxes."""

    def __init__(self, backend: MemoryBackend, tls: Tls) -> None:
        self.backend = backend
        self.tls = tls
        self.server: ImapServer
        self.secure: tuple[str, int]
        self.plain: tuple[str, int]
        self.clients = AsyncExitStack()

    @property
    def account(self) -> MemoryAccount:
        return self.backend.accounts["ada"]

    async def start(self, limits: Limits | None = None) -> None:
        self.server = ImapServer(self.backend, ssl_context=self.tls.server, limits=limits)
        await self.server.start([listening()], starttls=[listening()])
        self.secure, self.plain = self.server.addresses

    async def connect(self, *, secure: bool = True) -> Client:
        """A connection with its greeting unread."""
        client = (
            await Client.connect(self.secure, self.tls.client) if secure else await Client.connect(self.plain, None)
        )
        return await self.clients.enter_async_context(client)

    async def client(self, username: str = "ada") -> Client:
        """A connection that is signed in."""
        return await (await self.connect()).sign_in(username)

    async def stop(self) -> None:
        await self.clients.aclose()
        await self.server.stop(grace=5)


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
async def strict(tls: Tls) -> AsyncIterator[Gateway]:
    """A server that waits for nobody; start it with the limits of the test."""
    running = Gateway(MemoryBackend(MemoryAccount(1, "ada", "secret")), tls)
    yield running
    await running.stop()


@pytest.fixture
async def gateway(tls: Tls) -> AsyncIterator[Gateway]:
    running = Gateway(MemoryBackend(MemoryAccount(1, "ada", "secret"), MemoryAccount(2, "bob", "secret")), tls)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def account(gateway: Gateway) -> MemoryAccount:
    return gateway.account


@pytest.fixture
async def client(gateway: Gateway) -> Client:
    return await gateway.client()


@pytest.fixture
def talk(gateway: Gateway) -> Talk:
    """Run a transcript: ``A: …`` is sent by A, ``A< …`` is the very next line that A reads, ``…`` stands for anything.

    ``A* …`` skips lines until one fits. Each letter is a connection, signed in when it is first named.
    """
    clients: dict[str, Client] = {}

    async def run(transcript: str) -> None:
        for step in filter(None, map(str.strip, transcript.splitlines())):
            name, action, text = step[0], step[1], step[3:]
            if name not in clients:
                clients[name] = await gateway.client()
            if action == ":":
                await clients[name].send(text.encode() + b"\r\n")
                continue
            line = await clients[name].line()
            while action == "*" and not fits(text, line):
                assert line, f"{step}: the connection was closed"
                line = await clients[name].line()
            assert fits(text, line), f"{step}: got {line!r}"

    return run


def message(subject: str = "Hello", body: str = "Text", sender: str = "grace@example.org") -> bytes:
    """A small message."""
    return (
        f"From: Grace <{sender}>\r\nTo: ada@example.org\r\nSubject: {subject}\r\n"
        f"Date: Mon, 7 Sep 2026 08:30:00 +0200\r\nMessage-ID: <{subject}@example.org>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    ).encode()


def fill(account: MemoryAccount, count: int) -> None:
    """So many messages in INBOX, with the subjects m1, m2, …"""
    for number in range(1, count + 1):
        account.deliver(message(f"m{number}"))
