"""A gateway with an MX on the demo academy, on each store, and another server that sends to it."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, delete, select

from certs import ensure_demo
from directory.schema import address
from mailgate import config
from mailgate.accounts import Accounts
from mailgate.app import Gateway, Sockets
from mailgate.database import open_database
from mailgate.database.batch import batch_engine
from mailgate.policy.cells import change
from mailgate.policy.matrix import Verdict, cell
from mailgate.policy.schema import policy_cell, school_setting, stop
from mailgate.policy.schools import school_id_of
from tests.policy.conftest import academy_url
from tests.smtp.conftest import Wire

__all__ = ["academy_url"]

SENDER = "ami@elsewhere.example"


def note(subject: str, sender: str = SENDER, extra: str = "") -> bytes:
    """A message as it comes from outside."""
    return f"{extra}From: Un ami <{sender}>\r\nSubject: {subject}\r\n\r\nBonjour\r\n".encode()


@dataclass
class Site:
    """The gateway, and what a test may do to it."""

    url: str
    mx: tuple[str, int]
    proxied: tuple[str, int]
    """An MX behind a proxy."""
    lmtp: Path
    """The Unix socket for a server in front."""
    imaps: tuple[str, int]
    ca: Path
    settings: config.Settings
    web: tuple[str, int] | None = None
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, behind: bytes = b"") -> Wire:
        """A connection of another server, greeted; `behind` a proxy that says this of it."""
        reader, writer = await asyncio.open_connection(*(self.proxied if behind else self.mx))
        self.writers.append(writer)
        writer.write(behind)
        wire = Wire(reader, writer)
        assert (await wire.reply()).startswith("220 ")
        assert (await wire.ask("EHLO relay.elsewhere.example")).startswith("250")
        return wire

    async def rcpt(self, *to: str, sender: str = SENDER) -> list[str]:
        """What is said to each recipient."""
        wire = await self.connect()
        assert (await wire.ask(f"MAIL FROM:<{sender}>")).startswith("250 ")
        return [await wire.ask(f"RCPT TO:<{one}>") for one in to]

    async def send(self, *to: str, content: bytes, sender: str = SENDER) -> str:
        """A whole message; what is said at its end."""
        wire = await self.connect()
        assert (await wire.ask(f"MAIL FROM:<{sender}>")).startswith("250 ")
        for one in to:
            assert (await wire.ask(f"RCPT TO:<{one}>")).startswith("250 ")
        return await wire.data(content + b".\r\n")

    async def batch(self, work: Callable[[Connection], Any]) -> Any:  # noqa: ANN401 - what the work gives
        """Batch work, as a command does it."""
        async with batch_engine(self.url) as engine, engine.begin() as connection:
            return await connection.run_sync(work)

    async def cell(self, uai: str, recipient: str, verdict: Verdict) -> None:
        """Have a school say what becomes of messages from outside to such recipients."""
        key = cell("outside", recipient, "anyone")
        await self.batch(lambda connection: change(connection, school_id_of(connection, uai), {key: verdict}))

    async def inbox(self, who: str, mailbox: str = "INBOX") -> list[bytes]:
        """Every message of a mailbox of somebody, by IMAP."""
        found = await self.batch(
            lambda connection: connection.scalar(select(address.c.person_id).where(address.c.address == who))
        )
        database = await open_database(self.url)
        accounts = Accounts(database)
        password = await accounts.create_app_password(found, "test")
        accounts.close()
        await database.close()
        return await asyncio.to_thread(self._read, who, password, mailbox)

    def _read(self, who: str, password: str, mailbox: str) -> list[bytes]:
        tls = ssl.create_default_context(cafile=str(self.ca))
        with imaplib.IMAP4_SSL(*self.imaps, ssl_context=tls, timeout=20) as client:
            client.login(who, password)
            if client.select(mailbox, readonly=True)[0] != "OK":
                return []
            _, data = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
            return [part[1] for part in data if isinstance(part, tuple)]


@pytest.fixture
async def site(academy_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running(academy_url, tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def running(academy_url: str, tmp_path: Path, **sections: config.Section) -> AsyncIterator[Site]:
    """Policy, stops and settings of schools are as they were before, when it has stopped."""
    tmp_path.mkdir(exist_ok=True)
    files = ensure_demo(tmp_path / "tls", ["localhost"])
    assert files.ca is not None
    settings = config.Settings(
        gateway=config.Gateway(hostname="mx.ent.example.org", stop_grace=5.0),
        database=config.Database(url=academy_url, pool_size=4),
        tls=config.Tls(certificate=files.certificate, key=files.key),
        imap=config.Imap(listen=("127.0.0.1:0",)),
        smtp=config.Smtp(listen=()),
        mx=config.Mx(listen=("127.0.0.1:0", "127.0.0.1:0 proxy")),
        lmtp=config.Lmtp(listen=(f"unix:{tmp_path}/lmtp.sock",), socket_mode="600"),
        proxy=config.Proxy(trusted=("127.0.0.0/8",)),
        filters=config.Filters(authentication=config.AuthenticationFilter(enabled=False)),
        queue=config.Queue(route="smarthost", smarthost="127.0.0.1:9", pauses=(86_400,)),
    )
    settings = msgspec.structs.replace(settings, **sections)
    sockets = Sockets.bound(settings)
    gateway = Gateway(settings, indexes=False)
    await gateway.start(sockets)
    mx, proxied, imaps = (sock.getsockname() for sock in (*sockets.mx, *sockets.imap))
    web = next((sock.getsockname() for sock in sockets.web), None)
    made = Site(academy_url, mx, proxied, tmp_path / "lmtp.sock", imaps, files.ca, settings, web)
    try:
        yield made
    finally:
        for writer in made.writers:
            writer.transport.abort()
        await gateway.stop()
        await made.batch(
            lambda connection: [connection.execute(delete(one)) for one in (stop, policy_cell, school_setting)]
        )
