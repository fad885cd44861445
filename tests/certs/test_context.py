"""Listeners share one context, and a new certificate takes over without dropping a connection."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certs import CertificateFiles, ServerTls, TlsUnusable, ensure_demo
from certs.files import write_atomically


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return ensure_demo(tmp_path / "tls", ["mail.ent.example.org"])


def renew(files: CertificateFiles) -> None:
    """Another certificate of the same authority, as a renewal would put it there."""
    ensure_demo(files.certificate.parent, ["mail.ent.example.org", f"renewed{os.urandom(4).hex()}.example.org"])


def client_context(files: CertificateFiles) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(files.ca))


@asynccontextmanager
async def echo_server(tls: ServerTls) -> AsyncIterator[int]:
    """A server that sends back each line, on a free port; it leaves no connection behind."""
    open_writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.add(writer)
        while line := await reader.readline():
            writer.write(line)
        open_writers.discard(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls.context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_writers:
            writer.transport.abort()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext, name: str = "mail.ent.example.org") -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name))

    @property
    def serial(self) -> int:
        der = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).serial_number

    async def echo(self, line: bytes) -> bytes:
        self.writer.write(line)
        return await self.reader.readline()

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def take_over(tls: ServerTls, files: CertificateFiles) -> None:
    async with echo_server(tls) as port:
        context = client_context(files)
        old = await Client.connect(port, context)
        assert not tls.reload_if_changed()
        renew(files)
        assert tls.reload_if_changed()
        new = await Client.connect(port, context)
        # An address is not sent as a server name (RFC 6066 section 3).
        by_address = await Client.connect(port, context, "127.0.0.1")
        assert old.serial != new.serial == by_address.serial
        assert await old.echo(b"still here\r\n") == b"still here\r\n"
        assert await new.echo(b"here too\r\n") == b"here too\r\n"
        for client in (old, new, by_address):
            await client.close()


async def test_new_connections_get_the_new_certificate_while_an_old_one_lives(files: CertificateFiles) -> None:
    await take_over(ServerTls(files), files)


def test_so_it_is_on_uvloop(files: CertificateFiles) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(take_over(ServerTls(files), files), 30))


async def test_tls_1_3_hands_out_no_session_tickets(files: CertificateFiles) -> None:
    async with echo_server(ServerTls(files)) as port:
        client = await Client.connect(port, client_context(files))
        await client.echo(b"tickets come with the first answer\r\n")
        connection = client.writer.get_extra_info("ssl_object")
        assert (connection.version(), connection.session.has_ticket) == ("TLSv1.3", False)
        await client.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files: files.certificate.write_bytes(b"not a certificate"),
        lambda files: files.certificate.unlink(),
        lambda files: files.key.write_bytes(b""),
        lambda files: shutil.copy(files.certificate.parent / "ca.key", files.key),
    ],
    ids=["broken certificate", "no certificate", "empty key", "key of another"],
)
async def test_a_broken_new_file_keeps_the_old_certificate_and_is_reported(
    files: CertificateFiles,
    spoil: Callable[[CertificateFiles], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    tls = ServerTls(files)
    good = {path: path.read_bytes() for path in (files.certificate, files.key)}
    async with echo_server(tls) as port:
        first = await Client.connect(port, client_context(files))
        spoil(files)
        assert not tls.reload_if_changed()
        assert str(files.certificate.parent) in tls.problem
        assert "cannot be used" in caplog.text
        second = await Client.connect(port, client_context(files))
        assert first.serial == second.serial
        for path, content in good.items():
            write_atomically(path, content, 0o600)
        assert tls.reload_if_changed()
        assert tls.problem == ""
        for client in (first, second):
            await client.close()


@pytest.mark.parametrize("spoiled", ["certificate", "key"])
def test_a_server_does_not_start_on_a_broken_file(files: CertificateFiles, spoiled: str) -> None:
    path: Path = getattr(files, spoiled)
    path.write_bytes(b"nothing")
    with pytest.raises(TlsUnusable, match=r"server\.(pem|key)"):
        ServerTls(files)


def test_an_encrypted_key_is_refused_without_asking_on_the_terminal(files: CertificateFiles) -> None:
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    with pytest.raises(TlsUnusable, match="encrypted"):
        ServerTls(files)


def test_only_modern_protocols_and_ciphers(files: CertificateFiles) -> None:
    context = ServerTls(files).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    for cipher in context.get_ciphers():
        assert cipher["aead"], cipher
        assert cipher["kea"] in {"kx-ecdhe", "kx-any"}, cipher


def tls11(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1


def cbc(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA384:AES256-SHA:@SECLEVEL=0")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("weaken", [tls11, cbc])
async def test_old_protocols_and_ciphers_are_refused(
    files: CertificateFiles, weaken: Callable[[ssl.SSLContext], None]
) -> None:
    context = client_context(files)
    weaken(context)
    async with echo_server(ServerTls(files)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Client.connect(port, context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_current_protocols_are_served(files: CertificateFiles, version: ssl.TLSVersion) -> None:
    context = client_context(files)
    context.minimum_version = context.maximum_version = version
    async with echo_server(ServerTls(files)) as port:
        client = await Client.connect(port, context)
        assert client.writer.get_extra_info("ssl_object").version() == version.name.replace("v1_", "v1.")
        await client.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")
@pytest.mark.parametrize("naming", [["-servername", "mail.ent.example.org"], ["-noservername"]])
async def test_openssl_sees_the_renewed_certificate(files: CertificateFiles, naming: list[str]) -> None:
    tls = ServerTls(files)
    renew(files)
    assert tls.reload_if_changed()
    async with echo_server(tls) as port:
        output = await openssl_client("-connect", f"127.0.0.1:{port}", "-CAfile", str(files.ca), *naming)
    shown = x509.load_pem_x509_certificate(output)
    assert shown == x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert b"Verify return code: 0 (ok)" in output


def openssl_client(*arguments: str) -> Awaitable[bytes]:
    async def run() -> bytes:
        process = await asyncio.create_subprocess_exec(
            "openssl",
            "s_client",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await process.communicate()
        return output

    return run()
