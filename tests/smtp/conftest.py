"""A submission server on loopback with TLS and an application that remembers; a client that speaks raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
from asyncio import AbstractEventLoop
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smtp.handler import Envelope, Peer, Recipient, SaslExchange, Sender, SmtpError
from smtp.header import Header
from smtp.limits import Limits
from smtp.submission import SubmissionServer

USER = "prof@ecole.example"
PASSWORD = "motdepasse"
PATIENCE = 20
PLAIN = b64encode(f"\0{USER}\0{PASSWORD}".encode())
MESSAGE = b"From: <prof@ecole.example>\r\nSubject: Sortie\r\n\r\nBonjour\r\n"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """Every test here runs on both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate that signs itself, for localhost and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="session")
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(scope="session")
def client_tls(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


class PlainExchange:
    """PLAIN (RFC 4616)."""

    sender: Sender | None = None

    async def step(self, response: bytes | None) -> bytes | None:
        if response is None:
            return b""
        if response.split(b"\0")[1:] != [USER.encode(), PASSWORD.encode()]:
            raise SmtpError(535, "5.7.8", "Wrong name or password")
        self.sender = Sender(1, USER)
        return None


class LoginExchange:
    """LOGIN, as Outlook speaks it."""

    def __init__(self) -> None:
        self.sender: Sender | None = None
        self._said: list[bytes] = []

    async def step(self, response: bytes | None) -> bytes | None:
        if response is None:
            return b"Username:"
        self._said.append(response)
        if len(self._said) == 1:
            return b"Password:"
        if self._said != [USER.encode(), PASSWORD.encode()]:
            raise SmtpError(535, "5.7.8", "Wrong name or password")
        self.sender = Sender(1, USER)
        return None


@dataclass
class School:
    """The application behind the server: one teacher, and whatever was delivered."""

    delivered: list[tuple[Envelope, bytes]] = field(default_factory=list)
    delivering: asyncio.Event = field(default_factory=asyncio.Event)
    proceed: asyncio.Event = field(default_factory=asyncio.Event)
    peers: list[Peer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.proceed.set()

    def mechanisms(self) -> Sequence[str]:
        return ("PLAIN", "LOGIN")

    def sasl(self, mechanism: str, peer: Peer) -> SaslExchange:
        self.peers.append(peer)
        return PlainExchange() if mechanism == "PLAIN" else LoginExchange()

    async def mail_from(self, envelope: Envelope) -> None:
        if envelope.mail_from.startswith("autre"):
            raise SmtpError(550, "5.7.1", "This address is not yours")

    async def rcpt_to(self, envelope: Envelope, recipient: Recipient) -> None:
        if recipient.address.startswith("inconnu"):
            raise SmtpError(550, "5.1.1", "Élève inconnu")
        if recipient.address.startswith("panne"):
            raise RuntimeError("secret in an exception")
        if recipient.address.startswith("lent"):
            await self.proceed.wait()

    async def deliver(self, envelope: Envelope, header: Header, content: IO[bytes]) -> str:
        self.delivering.set()
        await self.proceed.wait()
        self.delivered.append((envelope, content.read() if header.fields else content.read().removeprefix(b"\r\n")))
        return f"Accepted as {len(self.delivered)}"

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, body in self.delivered]


class Wire:
    """A client that sends the bytes it is told to and reads replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> str:
        """One whole reply, its lines joined by LF."""
        lines = []
        async with asyncio.timeout(PATIENCE):
            while True:
                line = await self.reader.readuntil(b"\r\n")
                lines.append(line[:-2].decode("ascii"))
                if line[3:4] == b" ":
                    return "\n".join(lines)

    async def ask(self, command: str | bytes) -> str:
        await self.send((command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return await self.reply()

    async def rest(self) -> str:
        """All that comes until the server closes."""
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.read()).decode("ascii")

    async def sign_in(self) -> None:
        assert (await self.reply()).startswith("220 ")
        assert (await self.ask("EHLO [127.0.0.1]")).startswith("250")
        assert (await self.ask(b"AUTH PLAIN " + PLAIN)).startswith("235 2.7.0")

    async def begin(self, *recipients: str, mail: str = f"MAIL FROM:<{USER}>") -> None:
        """A transaction up to its message."""
        assert (await self.ask(mail)).startswith("250 2.1.0")
        for recipient in recipients or ("6a@ecole.example",):
            assert (await self.ask(f"RCPT TO:<{recipient}>")).startswith("250 2.1.5")

    async def data(self, octets: bytes) -> str:
        """Send DATA with these raw octets, the end included."""
        assert (await self.ask("DATA")).startswith("354 ")
        await self.send(octets)
        return await self.reply()


@dataclass
class Running:
    """A server, its application and its two ports."""

    server: SubmissionServer
    school: School
    tls_port: int
    starttls_port: int
    client_tls: ssl.SSLContext
    clients: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, *, starttls: bool = False) -> Wire:
        port, tls = (self.starttls_port, None) if starttls else (self.tls_port, self.client_tls)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, limit=1 << 20)
        self.clients.append(writer)
        return Wire(reader, writer)

    async def signed_in(self) -> Wire:
        wire = await self.connect()
        await wire.sign_in()
        return wire


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> AsyncIterator[Start]:
    """Start a server with the given limits; it stops with the test."""
    started: list[Running] = []

    async def go(limits: Limits | None = None, spool: Path | None = None) -> Running:
        school = School()
        server = SubmissionServer(
            school, server_tls, hostname="mail.ecole.example", limits=limits or Limits(auth_delay=0), spool=spool
        )
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        await server.start(sockets[:1])
        await server.start(sockets[1:], starttls=True)
        ports = [sock.getsockname()[1] for sock in sockets]
        running = Running(server, school, ports[0], ports[1], client_tls)
        started.append(running)
        return running

    yield go
    for running in started:
        running.school.proceed.set()
        for writer in running.clients:
            # asyncio's TLS transport does not like to be aborted after its end.
            with contextlib.suppress(AttributeError):
                writer.transport.abort()
        await running.server.stop(grace=5)


@pytest.fixture
async def running(start: Start) -> Running:
    return await start()
