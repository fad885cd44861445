"""A gateway on the demo academy, on each store, and beside it the Postfix of another domain, with its policy host."""

from __future__ import annotations

import asyncio
import email
import email.policy
import hashlib
import imaplib
import shutil
import smtplib
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import delete, select

from certs import CertificateFiles, ensure_demo
from directory.schema import address
from mailgate import app, config
from mailgate.accounts import Accounts
from mailgate.app import Gateway, Sockets
from mailgate.database import Database, Statement, open_database
from mailgate.queue import outbound, worker
from mailgate.queue.schema import (
    mta_sts_policy,
    queue_destination,
    queued_message,
    queued_recipient,
    tls_report,
    tls_session,
)
from smtp.client.policy_host import PolicyHost
from tests.policy.conftest import academy_url
from tests.support.nameserver import NameServer
from tests.support.policy_host import PolicyServer
from tests.support.postfix import Postfix

__all__ = ["academy_url"]

TEACHER = "theo.david@ent.example.org"
FRIEND = "ami@elsewhere.example"
MX = "mx.elsewhere.example"
POLICY_HOST = "mta-sts.elsewhere.example"
SLOW_AT = "127.0.0.2"
"""Where the Postfix takes five seconds for each recipient."""
WITHIN = 60.0

_MAIN = """
myhostname = mx.elsewhere.example
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = elsewhere.example, slow.example
virtual_mailbox_maps = inline:{{ {{ ami@elsewhere.example = ami/ }}, {{ ami@slow.example = ami/ }} }}
virtual_mailbox_base = {mail}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_loglevel = 1
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_host_lookup = native
smtp_dns_support_level = disabled
transport_maps = inline:{{ {{ ent.example.org = smtp:[127.0.0.1]:{mx} }} }}
minimal_backoff_time = 1s
queue_run_delay = 1s
"""
_NUMBER = Statement(select(address.c.person_id).where(address.c.address == TEACHER))
_QUEUED = Statement(select(queued_recipient.c.state, queued_recipient.c.code, queued_recipient.c.answer))


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@dataclass
class World:
    """The two servers, the names, and what a test does."""

    database: Database
    postfix: Postfix
    tls: CertificateFiles
    names: NameServer
    port: int
    """Of the Postfix."""
    mx: int
    smtps: tuple[str, int]
    imaps: tuple[str, int]
    gateway_ca: Path
    password: str
    url: str
    """Of the database."""
    policies: PolicyServer
    """It serves the MTA-STS policy of the other domain, once the names lead there."""

    def configure(self, more: str = "") -> None:
        """Change main.cf."""
        self.postfix.configure(main_of(self.postfix.directory, self.tls, self.mx) + more)
        self.postfix.reload()

    def tlsa(self) -> str:
        """The record of the Postfix's key (RFC 6698 section 2.1)."""
        key = x509.load_pem_x509_certificate(self.tls.certificate.read_bytes()).public_key()
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"3 1 1 {hashlib.sha256(octets).hexdigest()}"

    async def submit(self, subject: str, *to: str) -> None:
        """The teacher writes."""
        await asyncio.to_thread(self._submit, subject, *to)

    def _submit(self, subject: str, *to: str) -> None:
        context = ssl.create_default_context(cafile=str(self.gateway_ca))
        with smtplib.SMTP_SSL(*self.smtps, context=context, timeout=WITHIN) as client:
            client.login(TEACHER, self.password)
            client.send_message(letter(TEACHER, subject, *to), to_addrs=list(to))

    async def inject(self, subject: str, to: str = TEACHER) -> None:
        """The friend writes, through the Postfix."""

        def work() -> None:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=WITHIN) as client:
                client.send_message(letter(FRIEND, subject, to))

        await asyncio.to_thread(work)

    def arrived(self) -> list[EmailMessage]:
        """What the Postfix has put into the friend's mailbox."""
        folder = self.postfix.directory / "mail" / "ami" / "new"
        return [_read(path.read_bytes()) for path in sorted(folder.glob("*"))]

    async def inbox(self) -> list[EmailMessage]:
        """The teacher's INBOX, by IMAP."""
        return await asyncio.to_thread(self._inbox)

    def _inbox(self) -> list[EmailMessage]:
        context = ssl.create_default_context(cafile=str(self.gateway_ca))
        with imaplib.IMAP4_SSL(*self.imaps, ssl_context=context, timeout=WITHIN) as client:
            client.login(TEACHER, self.password)
            client.select("INBOX", readonly=True)
            _, data = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        return [_read(part[1]) for part in data if isinstance(part, tuple)]

    async def queued(self) -> list[tuple[object, ...]]:
        """State, code and answer of each recipient in the queue."""
        return [tuple(row) for row in await self.database.read(lambda tx: tx.all(_QUEUED))]

    async def until(self, what: Callable[[], Awaitable[object]]) -> None:
        """Wait for what no event tells: files and rows."""
        try:
            async with asyncio.timeout(WITHIN):
                while not await what():  # noqa: ASYNC110 - see above
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            error.add_note(self.postfix.log[-3_000:])
            raise

    async def until_arrived(self, subject: str) -> EmailMessage:
        """What the friend gets."""
        found: list[EmailMessage] = []

        async def there() -> bool:
            found.extend(one for one in self.arrived() if subject in one["Subject"])
            return bool(found)

        await self.until(there)
        return found[0]

    async def until_in_inbox(self, subject: str) -> EmailMessage:
        """What the teacher gets."""
        found: list[EmailMessage] = []

        async def there() -> bool:
            found.extend(one for one in await self.inbox() if subject in one["Subject"])
            return bool(found)

        await self.until(there)
        return found[0]

    async def until_logged(self, text: str) -> None:
        """What the Postfix says of it."""

        async def there() -> bool:
            return text in self.postfix.log

        await self.until(there)

    async def until_hung_up(self) -> None:
        """No connection is kept: the next message gets one of its own."""

        async def there() -> bool:
            return self.postfix.log.count("]: connect from") == self.postfix.log.count("]: disconnect from")

        await self.until(there)

    async def until_queued(self, state: str, answer: str) -> None:
        """What the gateway says of the one recipient in its queue."""

        async def there() -> bool:
            found = await self.queued()
            return any(row[0] == state and answer in str(row[2]) for row in found)

        await self.until(there)


def _read(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=email.policy.default)


def letter(sender: str, subject: str, *to: str) -> EmailMessage:
    """A message with accents."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, ", ".join(to), subject
    message.set_content("Bonjour,\nà bientôt.\n")
    return message


def main_of(directory: Path, tls: CertificateFiles, mx: int) -> str:
    """main.cf of the other domain."""
    return _MAIN.format(mail=directory / "mail", certificate=tls.certificate, key=tls.key, mx=mx)


@contextmanager
def other_domain(folder: Path, tls: CertificateFiles, port: int, mx: int) -> Iterator[Postfix]:
    """Its Postfix, running."""
    directory = folder / f"postfix-{port}"
    slow = "-o { smtpd_recipient_restrictions = sleep 5, permit }"
    listener = f"127.0.0.1:{port} inet n - n - - smtpd\n{SLOW_AT}:{port} inet n - n - - smtpd {slow}\n"
    postfix = Postfix(directory, main_of(directory, tls, mx), listener)
    (directory / "mail").mkdir()
    shutil.chown(directory / "mail", 65_534, 65_534)
    with postfix.running():
        yield postfix


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that the users of Postfix may enter."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def certificates(folder: Path) -> tuple[CertificateFiles, CertificateFiles]:
    """Of the gateway, and of the Postfix."""
    return ensure_demo(folder / "ours", ["localhost"]), ensure_demo(folder / "theirs", [MX, POLICY_HOST])


@pytest.fixture
async def world(
    academy_url: str,
    folder: Path,
    certificates: tuple[CertificateFiles, CertificateFiles],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    """Nothing is in the queue afterwards."""
    monkeypatch.setattr(worker, "LOOK", 1.0)
    monkeypatch.setattr(app, "CLOCK_INTERVAL", 0.5)
    ours, theirs = certificates
    assert ours.ca is not None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(theirs.certificate, theirs.key)
    port = free_port()
    records = {"elsewhere.example MX": [f"10 {MX}."], f"{MX} A": ["127.0.0.1"]}
    async with NameServer(records, authenticated=True) as names, PolicyServer(tls, b"") as policies:
        monkeypatch.setattr(outbound, "PolicyHost", partial(PolicyHost, port=policies.port))
        settings = config.Settings(
            gateway=config.Gateway(hostname="gate.ent.example.org", stop_grace=2.0),
            database=config.Database(url=academy_url, pool_size=4),
            tls=config.Tls(certificate=ours.certificate, key=ours.key),
            imap=config.Imap(listen=("127.0.0.1:0",)),
            smtp=config.Smtp(listen=("127.0.0.1:0",)),
            mx=config.Mx(listen=("127.0.0.1:0",)),
            queue=config.Queue(
                route="direct",
                direct_port=port,
                direct_ca=theirs.ca,
                pauses=(1,),
                connect_timeout=5.0,
                tls_reports=True,
            ),
            dns=config.Dns(servers=(f"127.0.0.1:{names.port}",), timeout=5.0, dnssec="loopback"),
        )
        sockets = Sockets.bound(settings)
        gateway = Gateway(settings, indexes=False)
        await gateway.start(sockets)
        database = await open_database(academy_url)
        accounts = Accounts(database)
        row = await database.read(lambda tx: tx.one(_NUMBER))
        assert row is not None
        password = await accounts.create_app_password(row[0], "test")
        mx = sockets.mx[0].getsockname()[1]
        try:
            with other_domain(folder, theirs, port, mx) as postfix:
                yield World(
                    database, postfix, theirs, names, port, mx, sockets.smtp[0].getsockname(),
                    sockets.imap[0].getsockname(), ours.ca, password, academy_url, policies,
                )  # fmt: skip
        finally:
            accounts.close()
            await gateway.stop()
            for table in (queued_recipient, queued_message, queue_destination, mta_sts_policy, tls_session, tls_report):
                await database.write(lambda tx, table=table: tx.run(Statement(delete(table))))  # type: ignore[misc]
            await database.close()
