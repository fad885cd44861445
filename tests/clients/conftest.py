"""A whole gateway in this process, on each store in turn, for conversations as mail programs hold them."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Connection

from certs import CertificateFiles, ensure_demo
from directory.local import add_person
from mailgate import config
from mailgate.accounts import Accounts
from mailgate.app import Gateway, Sockets
from mailgate.database import async_engine, open_database
from mailgate.store.provisioning import create_accounts
from tests.accounts.conftest import database_content
from tests.imap.conftest import talk
from tests.imap.wire import Client
from tests.smtp.conftest import Wire
from tests.support.school import make_colleagues

__all__ = ["database_content", "talk"]

ADA = "ada.martin@ent.example.org"
BOB = "bob.durand@ent.example.org"
PEOPLE = (ADA, BOB)

Upload = Callable[..., Awaitable[None]]


@dataclass
class School:
    """A running gateway with two people, and their mail programs' ways in: with TLS at once, or (plain) by STARTTLS."""

    ca: Path
    passwords: dict[str, str]
    imaps: tuple[str, int]
    imap_plain: tuple[str, int]
    smtps: tuple[str, int]
    smtp_plain: tuple[str, int]
    clients: AsyncExitStack = field(default_factory=AsyncExitStack)

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    async def _open(self, secure: tuple[str, int] | None, plain: tuple[str, int]) -> Client:
        opening = Client.connect(plain, None) if secure is None else Client.connect(secure, self.tls())
        return await self.clients.enter_async_context(await opening)

    async def connect(self, *, secure: bool = True) -> Client:
        """An IMAP connection with its greeting unread."""
        return await self._open(self.imaps if secure else None, self.imap_plain)

    async def client(self, address: str = ADA) -> Client:
        """An IMAP connection that is signed in."""
        return await (await self.connect()).sign_in(address, self.passwords[address])

    async def submission(self, *, secure: bool = True) -> Wire:
        """A submission connection with its greeting unread."""
        client = await self._open(self.smtps if secure else None, self.smtp_plain)
        return Wire(client.reader, client.writer)


def make_people(connection: Connection) -> dict[str, int]:
    today = datetime.date(2026, 11, 22)
    people = {
        address: add_person(connection, given="", sn=address.partition("@")[0], address=address, today=today)
        for address in PEOPLE
    }
    create_accounts(connection, list(people.values()), quota_limit=10 * 1024 * 1024)
    make_colleagues(connection, people)
    return people


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return ensure_demo(tmp_path_factory.mktemp("certs"), ["localhost"])


@pytest.fixture
async def passwords(database_url: str) -> dict[str, str]:
    """The app password of each person, whose account is made."""
    engine = async_engine(database_url)
    async with engine.begin() as connection:
        people = await connection.run_sync(make_people)
    await engine.dispose()
    database = await open_database(database_url)
    accounts = Accounts(database)
    made = {address: await accounts.create_app_password(number, "Mail") for address, number in people.items()}
    accounts.close()
    await database.close()
    return made


@pytest.fixture
async def gateway(database_url: str, passwords: dict[str, str], certificate: CertificateFiles) -> AsyncIterator[School]:
    assert certificate.ca is not None
    settings = config.Settings(
        gateway=config.Gateway(language="en", stop_grace=5.0),
        database=config.Database(url=database_url, pool_size=4),
        tls=config.Tls(certificate=certificate.certificate, key=certificate.key),
        imap=config.Imap(listen=("127.0.0.1:0",), listen_starttls=("127.0.0.1:0",)),
        smtp=config.Smtp(listen=("127.0.0.1:0",), listen_starttls=("127.0.0.1:0",)),
    )
    sockets = Sockets.bound(settings)
    running = Gateway(settings)
    await running.start(sockets)
    bound = (sockets.imap, sockets.imap_starttls, sockets.smtp, sockets.smtp_starttls)
    school = School(certificate.ca, passwords, *(listening[0].getsockname() for listening in bound))
    yield school
    await school.clients.aclose()
    await running.stop()


@pytest.fixture
async def client(gateway: School) -> Client:
    """Ada's program, signed in."""
    return await gateway.client()


@pytest.fixture
def upload(client: Client) -> Upload:
    """Put messages into a mailbox of Ada's."""

    async def put(*contents: bytes, mailbox: str = "INBOX", options: str = "") -> None:
        for content in contents:
            assert b" OK [APPENDUID " in await client.append(mailbox, content, options)

    return put


def note(subject: str, text: str = "Bonjour") -> bytes:
    """A small message in octets, from Bob to Ada."""
    return (
        f"From: Bob Durand <{BOB}>\r\nTo: {ADA}\r\nSubject: {subject}\r\nDate: Mon, 7 Sep 2026 08:30:00 +0200\r\n"
        f"Message-ID: <{subject}@client.example>\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


def _with_picture() -> bytes:
    """A message in two languages of form, with a picture: text and HTML side by side, an attachment beside both."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = BOB, ADA, "Photo de classe"
    message["Date"] = datetime.datetime(2026, 9, 7, 8, 30, tzinfo=datetime.UTC)
    message.set_content("Voilà la photo.\n", cte="quoted-printable")
    message.add_alternative("<p>Voil&agrave; la photo.</p>\n", subtype="html")
    message.add_attachment(bytes(range(256)), maintype="image", subtype="png", filename="classe.png")
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


WITH_PICTURE = _with_picture()
