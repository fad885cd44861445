"""A gateway on the demo academy with both doors, its checks as a test wants them, and those who write to it."""

from __future__ import annotations

import asyncio
import imaplib
import smtplib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import delete, select

from certs import ensure_demo
from directory.schema import address
from mailgate import config
from mailgate.accounts import Accounts
from mailgate.app import Gateway, Sockets
from mailgate.database import open_database
from mailgate.policy import schools
from mailgate.policy.schema import policy_cell, school_setting, stop
from mailgate.policy.schools import school_id_of
from tests.incoming.conftest import Site
from tests.policy.academy import Account, accounts

COLLEGE = "0131001T"
DOMAIN = "clg-frederic-mistral.ent.example.org"


def person(profile: str, number: int = 0) -> Account:
    """Somebody of the collège alone."""
    people = sorted(accounts().values(), key=lambda one: one.number)
    return [one for one in people if one.profile == profile and one.schools == {COLLEGE}][number]


TEACHER, COLLEAGUE, PUPIL = person("teacher").address, person("teacher", 1).address, person("pupil").address


@dataclass
class Gate(Site):
    """A site at which people may write, too."""

    smtps: tuple[str, int] = ("", 0)

    async def submit(self, writer: str, to: str, content: bytes) -> str:
        """What is said at the end of a message that somebody sends; `content` has CRLF line ends."""
        password = await self.password(writer)
        return await asyncio.to_thread(self._submit, writer, password, to, content)

    def _submit(self, writer: str, password: str, to: str, content: bytes) -> str:
        tls = ssl.create_default_context(cafile=str(self.ca))
        with smtplib.SMTP_SSL(*self.smtps, context=tls, timeout=60) as client:
            client.login(writer, password)
            for reply in (client.mail(writer), client.rcpt(to)):
                if reply[0] >= 300:
                    return f"{reply[0]} {reply[1].decode()}"
            code, text = client.data(content)
            return f"{code} {text.decode()}"

    async def password(self, who: str) -> str:
        """One of somebody's passwords."""
        found = await self.batch(
            lambda connection: connection.scalar(select(address.c.person_id).where(address.c.address == who))
        )
        database = await open_database(self.url)
        kept = Accounts(database)
        try:
            return await kept.create_app_password(found, "test")
        finally:
            kept.close()
            await database.close()

    async def mailbox(self, who: str, name: str, subject: str) -> list[tuple[bytes, bytes]]:
        """Flags and text of the messages of that Subject in one of somebody's mailboxes."""
        return await asyncio.to_thread(self._mailbox, who, await self.password(who), name, subject)

    def _mailbox(self, who: str, password: str, name: str, subject: str) -> list[tuple[bytes, bytes]]:
        tls = ssl.create_default_context(cafile=str(self.ca))
        with imaplib.IMAP4_SSL(*self.imaps, ssl_context=tls, timeout=20) as client:
            client.login(who, password)
            client.select(name, readonly=True)
            _, found = client.uid("SEARCH", f'SUBJECT "{subject}"')
            if not found[0]:
                return []
            _, data = client.uid("FETCH", found[0].replace(b" ", b",").decode(), "(FLAGS BODY.PEEK[])")
            return [(one[0], one[1]) for one in data if isinstance(one, tuple)]

    async def school(self, uai: str, name: str, value: str) -> None:
        """Change a setting of a school."""
        await self.batch(lambda connection: schools.change(connection, school_id_of(connection, uai), name, value))


@asynccontextmanager
async def gate(url: str, folder: Path, filters: config.Filters, **more: Any) -> AsyncIterator[Gate]:  # noqa: ANN401
    """Serve; no name server is asked. Policy and settings of schools are as they were before, when it has stopped."""
    files = ensure_demo(folder / "tls", ["localhost"])
    assert files.ca is not None
    settings = config.Settings(
        gateway=config.Gateway(hostname="mx.ent.example.org", stop_grace=5.0),
        database=config.Database(url=url, pool_size=4),
        tls=config.Tls(certificate=files.certificate, key=files.key),
        imap=config.Imap(listen=("127.0.0.1:0",)),
        smtp=config.Smtp(listen=("127.0.0.1:0",)),
        filters=msgspec.structs.replace(filters, authentication=config.AuthenticationFilter(enabled=False)),
        **{
            "mx": config.Mx(listen=("127.0.0.1:0",)),
            "queue": config.Queue(route="smarthost", smarthost="127.0.0.1:9", pauses=(86_400,)),
            **more,
        },
    )
    sockets = Sockets.bound(settings)
    running = Gateway(settings, indexes=False)
    await running.start(sockets)
    mx, imaps, smtps = (sock.getsockname() for sock in (*sockets.mx, *sockets.imap, *sockets.smtp))
    made = Gate(url, mx, mx, folder / "none", imaps, files.ca, settings, smtps=smtps)
    try:
        yield made
    finally:
        for writer in made.writers:
            writer.transport.abort()
        await running.stop()
        await made.batch(
            lambda connection: [connection.execute(delete(one)) for one in (stop, policy_cell, school_setting)]
        )
