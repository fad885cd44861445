"""A domain on loopback: its name server, its mail server with a certificate, its policy host."""

from __future__ import annotations

import asyncio
import datetime
import shutil
import ssl
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs import CertificateFiles, ensure_demo
from smtp.client.connection import Timeouts
from smtp.client.direct import DirectToMx
from smtp.client.mta_sts import Kept, MtaSts
from smtp.client.policy_host import PolicyHost
from smtp.client.sessions import TlsSession
from smtp.client.tls import trusting
from smtp.resolver import Resolver
from smtp.tls_demand import TlsDemand
from tests.support.nameserver import NameServer, Records
from tests.support.policy_host import PolicyServer
from tests.support.sink import EXTENSIONS, Script, Sink

DOMAIN, HOST, POLICY_HOST = "example.net", "mx.example.net", "mta-sts.example.net"
HERE = ["127.0.0.1"]
PATIENT = Timeouts(60, 60, 60, 60, 60)
DAY = 86_400
ENFORCE = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.net\r\nmax_age: 604800\r\n"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    """Every test here runs on both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def published(policy_id: str = "one") -> dict[str, list[str]]:
    """The names of a domain with an MX and an MTA-STS policy."""
    return {
        f"{DOMAIN} MX": [f"10 {HOST}."],
        f"{HOST} A": HERE,
        f"{POLICY_HOST} A": HERE,
        f"_mta-sts.{DOMAIN} TXT": [f'"v=STSv1; id={policy_id};"'],
    }


@dataclass(frozen=True)
class Certificates:
    """All of one authority, which nobody else knows: of the mail server, of the policy host, and bad ones."""

    folder: Path

    def of(self, name: str, *, expired: bool = False) -> CertificateFiles:
        """For a name: one that holds, or one that ended."""
        made = self.folder / f"{name}-{expired}"
        if not made.exists():
            now = datetime.datetime.now(datetime.UTC)
            if self.authority.exists():
                shutil.copytree(self.folder / "authority", made)
                for part in ("server.pem", "server.key"):
                    (made / part).unlink(missing_ok=True)
            ensure_demo(made, [name], now - datetime.timedelta(days=200 if expired else 0))
        return CertificateFiles(made / "ca.pem", made / "server.pem", made / "server.key")

    @property
    def authority(self) -> Path:
        return self.folder / "authority" / "ca.pem"

    def context(self, name: str, *, expired: bool = False) -> ssl.SSLContext:
        """A server's."""
        files = self.of(name, expired=expired)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.certificate, files.key)
        return context

    def chain(self, name: str, *, expired: bool = False) -> list[x509.Certificate]:
        """What such a server presents."""
        return x509.load_pem_x509_certificates(self.of(name, expired=expired).certificate.read_bytes())


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("authority")
    ensure_demo(folder / "authority", ["x.example"], datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=300))
    return Certificates(folder)


@dataclass
class Memory:
    """Where policies are kept."""

    kept: dict[str, Kept] = field(default_factory=dict)

    async def find(self, domain: str) -> Kept:
        return self.kept.get(domain, Kept())

    async def keep(self, domain: str, kept: Kept) -> None:
        self.kept[domain] = kept


@dataclass
class Site:
    """What a test does to the domain; `now` moves by hand."""

    stack: AsyncExitStack
    certificates: Certificates
    names: NameServer
    policies: PolicyServer
    now: float = 1_000_000.0
    memory: Memory = field(default_factory=Memory)
    sessions: list[TlsSession] = field(default_factory=list)

    async def sink(
        self, tls: ssl.SSLContext | None, extensions: tuple[str, ...] = EXTENSIONS, script: Script = lambda *_: None
    ) -> Sink:
        return await self.stack.enter_async_context(Sink(script, extensions, tls))

    def route(self, sink: Sink, *, dane: bool = False, sts: bool = True) -> DirectToMx:
        # A resolver of its own each time: what it keeps would outlive what the test changes.
        resolver = Resolver([("127.0.0.1", self.names.port)], timeout=1.0)
        context = trusting(self.certificates.authority)
        host = PolicyHost(resolver, context, timeout=3.0, port=self.policies.port)
        found = MtaSts(resolver, self.memory, host, lambda: self.now) if sts else None
        return DirectToMx(
            resolver, "gate.example.org", sink.port, PATIENT, context, found, dane=dane, observe=self.sessions.append
        )

    async def connect(
        self, sink: Sink, *, dane: bool = False, sts: bool = True, demand: TlsDemand = TlsDemand.POLICY
    ) -> set[TlsDemand]:
        """For which messages a connection could be made, and would serve. Raises SendingError."""
        connection = await self.route(sink, dane=dane, sts=sts).connect(DOMAIN, demand)
        served = {one for one in TlsDemand if connection.serves(one)}
        await connection.close()
        return served

    @property
    def seen(self) -> list[tuple[str, str | None]]:
        """By what policy sessions were judged, and what failed."""
        return [(one.judged.type.value, one.failure and one.failure.value) for one in self.sessions]


@pytest.fixture
async def site(certificates: Certificates) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        records: Records = published()
        names = await stack.enter_async_context(NameServer(records))
        policies = await stack.enter_async_context(PolicyServer(certificates.context(POLICY_HOST), ENFORCE))
        yield Site(stack, certificates, names, policies)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
