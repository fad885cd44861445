"""What people do on a gateway's own sockets is in its statistics."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import update

from certs import ensure_demo
from mailgate import config
from mailgate.accounts import Accounts
from mailgate.app import Gateway, Sockets
from mailgate.database import Statement, open_database
from mailgate.store.schema import dispatch
from tests.cli.command import Command, describe
from tests.imap.wire import Client
from tests.statistics.conftest import HEAD, NAMES, PUPIL, TEACHER

_EARLIER = Statement(update(dispatch).values(at=dispatch.c.at - 7200))


class Site:
    """A gateway, and passwords of its people."""

    def __init__(self, url: str, folder: Path) -> None:
        files = ensure_demo(folder / "tls", ["localhost"])
        self.tls = ssl.create_default_context(cafile=str(files.ca))
        self.url = url
        self.settings = config.Settings(
            gateway=config.Gateway(hostname="localhost", stop_grace=1.0),
            database=config.Database(url=url, pool_size=3),
            tls=config.Tls(certificate=files.certificate, key=files.key),
            imap=config.Imap(listen=("127.0.0.1:0",)),
            smtp=config.Smtp(listen=("127.0.0.1:0",)),
            queue=config.Queue(route="none"),
        )
        self.sockets = Sockets.bound(self.settings)
        self.gateway = Gateway(self.settings, indexes=False)
        self.passwords: dict[int, str] = {}

    async def start(self) -> None:
        database = await open_database(self.url, pool_size=1)
        accounts = Accounts(database)
        for person in NAMES:
            self.passwords[person] = await accounts.create_app_password(person, "test")
        accounts.close()
        await database.close()
        await self.gateway.start(self.sockets)

    async def read_as(self, person: int, *commands: str) -> None:
        """A session in which somebody signs in: at ``LOGIN``."""
        async with await Client.connect(self.sockets.imap[0].getsockname(), self.tls) as client:
            await client.line()
            for one in commands:
                await client.ok(f'LOGIN "{NAMES[person]}" "{self.passwords[person]}"' if one == "LOGIN" else one)

    async def write_as(self, person: int, to: int) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = NAMES[person], NAMES[to], "Bonjour"
        message.set_content("Bonjour\n")

        def send() -> None:
            host, port = self.sockets.smtp[0].getsockname()
            with smtplib.SMTP_SSL("localhost", port, context=self.tls, source_address=(host, 0)) as client:
                client.login(NAMES[person], self.passwords[person])
                client.send_message(message)

        await asyncio.to_thread(send)


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(database_url, tmp_path)
    await made.start()
    yield made
    await made.gateway.stop()


async def test_programs_that_say_who_they_are_and_a_printer(site: Site, tmp_path: Path) -> None:
    await site.read_as(TEACHER, "LOGIN", 'ID ("name" "Thunderbird" "version" "153.0")')
    await site.read_as(TEACHER, 'ID ("name" "iPhone Mail" "os" "iOS" "os-version" "19.1")', "LOGIN")
    await site.read_as(PUPIL, "LOGIN", "NOOP")
    await site.write_as(TEACHER, HEAD)
    await site.write_as(HEAD, TEACHER)
    await site.gateway.stop()
    database = await open_database(site.url, pool_size=1)
    await database.write(lambda tx: tx.run(_EARLIER))
    await database.close()
    command = Command(tmp_path)
    command.use(describe({"database": {"url": site.url}, "statistics": {"smallest": 0}}))

    def shown(by: str) -> dict[str, list[int]]:
        found = command.good("statistics", "--by", by, "--json").json
        return {one.pop(by): [number for name, number in one.items() if name != "month"] for one in found}

    clients = await asyncio.to_thread(shown, "client")
    assert clients == {"thunderbird": [1], "apple-ios": [1], "other": [1], "submission": [2]}
    assert await asyncio.to_thread(shown, "audience") == {"person": [2]}
    profiles = await asyncio.to_thread(shown, "profile")
    assert profiles["teacher"] == [1, 1, 1, 0, 3, 1]
    assert profiles["pupil"] == [1, 1, 1, 0, 1, 0]
    assert profiles["management"] == [1, 1, 1, 1, 1, 1]
    assert profiles["relative"] == [1, 0, 0, 0, 0, 0]
