"""Our own gateway as the source, over TLS and STARTTLS; and certificates that are not to be trusted."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from directory.schema import address
from mailgate.database import Database, open_database
from mailgate.database.open import async_engine
from mailgate.store import MailStore
from mailgate.transfer.copying import Manner, copy_account
from mailgate.transfer.imap_source import Login, Security, Server
from mailgate.transfer.intake import Intake
from mailgate.transfer.schema import metadata
from tests.clients.conftest import ADA, BOB, School, Upload, certificate, client, gateway, note, passwords, upload
from tests.transfer.mail import copies, everything

__all__ = ["certificate", "client", "gateway", "passwords", "upload"]


@pytest.fixture
async def to_bob(gateway: School, database_url: str) -> AsyncIterator[Intake]:
    engine = async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        number = await connection.scalar(select(address.c.person_id).where(address.c.address == BOB))
    await engine.dispose()
    database: Database = await open_database(database_url, pool_size=2)
    assert number is not None
    yield Intake(database, MailStore(database).account(number, BOB))
    await database.close()


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
async def test_from_one_account_to_another(gateway: School, upload: Upload, to_bob: Intake, security: Security) -> None:
    contents = [note(f"n{number}") for number in range(5)]
    await upload(*contents, options='(\\Seen Urgent) "07-Sep-2026 08:30:00 +0200" ')
    await upload(note("sent"), mailbox="Sent")
    ada = await gateway.client()
    await ada.ok('CREATE "Classe/6&AOg-me"')
    await upload(note("deep"), mailbox='"Classe/6&AOg-me"')
    port = (gateway.imaps if security is Security.TLS else gateway.imap_plain)[1]
    login = Login(ADA, gateway.passwords[ADA])
    server = Server("localhost", port, security, gateway.ca)
    done = await copy_account(to_bob._database, to_bob, server, login, Manner())
    assert (done.error, done.total("copied")) == (None, 7)
    assert set(await everything(to_bob.account)) == {"INBOX", "Sent", "Classe/6ème"}
    found = await copies(to_bob.account, "INBOX")
    assert [one.content for one in found] == contents
    assert {(one.flags, one.date) for one in found} == {(frozenset({"\\Seen", "Urgent"}), 1788762600)}
    assert (await copy_account(to_bob._database, to_bob, server, login, Manner())).total("present") == 7


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
async def test_certificates_are_checked(
    gateway: School, to_bob: Intake, security: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **options: resolve("localhost", *rest, **options))
    port = (gateway.imaps if security is Security.TLS else gateway.imap_plain)[1]
    login = Login(ADA, gateway.passwords[ADA])
    for host, ca in (("localhost", None), ("other.example.org", gateway.ca)):
        done = await copy_account(to_bob._database, to_bob, Server(host, port, security, ca), login, Manner())
        assert f"the certificate of {host} cannot be trusted" in str(done.error)


async def test_no_password_without_tls(gateway: School, to_bob: Intake) -> None:
    server = Server("127.0.0.1", gateway.imap_plain[1], Security.NONE)
    done = await copy_account(to_bob._database, to_bob, server, Login(ADA, gateway.passwords[ADA]), Manner())
    assert "takes no password on this connection" in str(done.error)
