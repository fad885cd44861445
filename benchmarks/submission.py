"""Submission over TLS with sign-in: this server beside stock aiosmtpd, both on uvloop, in the same run.

Usage: python -m benchmarks.submission [--json]

Each server runs in a process of its own and throws its messages away; CPU is that of the server's process alone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import datetime
import ipaddress
import logging
import os
import socket
import ssl
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO

import psutil
import uvloop
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.figures import Figure, as_json, print_table
from smtp.handler import Envelope, Peer, Recipient, SaslExchange, Sender, SmtpError
from smtp.header import Header
from smtp.submission import SubmissionServer

CREDENTIALS = b"\0prof\0secret"
LINE = base64.b64encode(os.urandom(57)) + b"\r\n"
SMALL = b"From: <prof@ecole.example>\r\nSubject: a\r\n\r\n" + LINE * 52
LARGE = b"From: <prof@ecole.example>\r\nSubject: a\r\n\r\n" + LINE * 67_000
CLIENTS = 10


class Exchange:
    """PLAIN with one known password."""

    sender: Sender | None = None

    async def step(self, response: bytes | None) -> bytes | None:
        """Compare and be done."""
        if response != CREDENTIALS:
            raise SmtpError(535, "5.7.8", "Wrong name or password")
        self.sender = Sender(1, "prof")
        return None


class Nowhere:
    """An application, for both servers, that drops every message."""

    def mechanisms(self) -> Sequence[str]:
        """PLAIN alone."""
        return ("PLAIN",)

    def sasl(self, mechanism: str, peer: Peer) -> SaslExchange:
        """A new exchange."""
        return Exchange()

    async def mail_from(self, envelope: Envelope) -> None:
        """Anybody may send."""

    async def rcpt_to(self, envelope: Envelope, recipient: Recipient) -> None:
        """To anybody."""

    async def deliver(self, envelope: Envelope, header: Header, content: IO[bytes]) -> str:
        """Look at the size, as little as a delivery can do."""
        return f"{content.seek(0, os.SEEK_END)} octets dropped"

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        """aiosmtpd's delivery."""
        return "250 2.0.0 dropped"


async def serve(kind: str, certificate: str) -> None:
    """Run one of the servers until standard input closes."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    sock = socket.create_server(("127.0.0.1", 0))
    if kind == "mailgate":
        await SubmissionServer(Nowhere(), tls, hostname="mail.ecole.example").start([sock])
    else:
        loop = asyncio.get_running_loop()
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
        await loop.create_server(
            lambda: SMTP(
                Nowhere(),
                hostname="mail.ecole.example",
                data_size_limit=50_000_000,
                auth_required=True,
                auth_require_tls=False,
                authenticator=lambda *_: AuthResult(success=True),
                loop=loop,
            ),
            sock=sock,
            ssl=tls,
        )
    print(sock.getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


@contextlib.asynccontextmanager
async def running(kind: str, certificate: str) -> AsyncIterator[tuple[psutil.Process, int]]:
    """The process of a server, and its port."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.submission", "--serve", kind, certificate),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    yield psutil.Process(child.pid), int(await child.stdout.readline())
    child.stdin.close()
    await child.wait()


class Client:
    """One connection that waits for every answer, as mail programs do."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def signed_in(cls, port: int, tls: ssl.SSLContext) -> Client:
        """Connect and sign in."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls))
        await client.expect(b"220")
        await client.ask(b"EHLO [127.0.0.1]\r\n", b"250")
        await client.ask(b"AUTH PLAIN " + base64.b64encode(CREDENTIALS) + b"\r\n", b"235")
        return client

    async def expect(self, code: bytes) -> None:
        """Read one reply."""
        while (line := await self._reader.readline())[3:4] == b"-":
            pass
        assert line.startswith(code), line

    async def ask(self, data: bytes, code: bytes) -> None:
        """Send and read one reply."""
        self._writer.write(data)
        await self._writer.drain()
        await self.expect(code)

    async def message(self, content: bytes) -> None:
        """One transaction."""
        await self.ask(b"MAIL FROM:<prof@ecole.example>\r\n", b"250")
        await self.ask(b"RCPT TO:<6a@ecole.example>\r\n", b"250")
        await self.ask(b"DATA\r\n", b"354")
        await self.ask(content + b".\r\n", b"250")

    async def quit(self) -> None:
        """Say goodbye."""
        await self.ask(b"QUIT\r\n", b"221")
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def session(port: int, tls: ssl.SSLContext, messages: int, content: bytes) -> None:
    """A connection with some messages."""
    client = await Client.signed_in(port, tls)
    for _ in range(messages):
        await client.message(content)
    await client.quit()


async def measure(
    server: psutil.Process, port: int, tls: ssl.SSLContext, sessions: int, messages: int, content: bytes = SMALL
) -> tuple[float, float]:
    """CPU and wall seconds of the server for each message, with CLIENTS connections at a time."""

    async def one_after_another() -> None:
        for _ in range(sessions // CLIENTS or 1):
            await session(port, tls, messages, content)

    async def all_sessions() -> int:
        clients = min(CLIENTS, sessions)
        await asyncio.gather(*(one_after_another() for _ in range(clients)))
        return clients * (sessions // CLIENTS or 1) * messages

    before, started = server.cpu_times(), time.perf_counter()
    sent = await all_sessions()
    after, ended = server.cpu_times(), time.perf_counter()
    cpu = after.user + after.system - before.user - before.system
    return cpu / sent, (ended - started) / sent


async def figures(kind: str, certificate: str) -> list[Figure]:
    """All figures of one server."""
    tls = ssl.create_default_context(cafile=certificate)
    async with running(kind, certificate) as (server, port):
        await session(port, tls, 20, SMALL)
        idle = server.memory_info().rss
        short = await measure(server, port, tls, 200, 1)
        long = await measure(server, port, tls, 50, 20)
        large = await measure(server, port, tls, 1, 20, LARGE)
        grown = server.memory_info().rss - idle
    return [
        Figure("one 4 KB message per connection, server CPU", short[0] * 1e6, "µs"),
        Figure("one 4 KB message per connection, wall", short[1] * 1e6, "µs"),
        Figure("20 messages of 4 KB per connection, server CPU each", long[0] * 1e6, "µs"),
        Figure("20 messages of 4 KB per connection, wall each", long[1] * 1e6, "µs"),
        Figure(f"a message of {len(LARGE) / 1e6:.1f} MB, server CPU", large[0] * 1e3, "ms"),
        Figure("memory grown at the end", grown / 1024, "KiB"),
    ]


def make_certificate(folder: str) -> str:
    """A throw-away key and certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = Path(folder) / "server.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return str(path)


async def compare(*, as_data: bool) -> None:
    """Measure both and print."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(folder)
        results = {kind: await figures(kind, certificate) for kind in ("aiosmtpd", "mailgate")}
    if as_data:
        print(as_json(results))
    else:
        print_table(results)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=2, metavar=("KIND", "CERTIFICATE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    uvloop.run(serve(*options.serve) if options.serve else compare(as_data=options.json))


if __name__ == "__main__":
    main()
