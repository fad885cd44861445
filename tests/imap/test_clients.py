"""What ID says a client is, and that whoever counts sign-ins is told so once, before sign-in or after it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.clients import ClientKind, client_kind
from imap.features import Features
from imap.server import ImapServer
from tests.imap.conftest import Gateway, Tls, listening
from tests.imap.memory_backend import MemoryAccount, MemoryBackend

PROGRAMS = [
    ({"name": "Thunderbird", "version": "153.0"}, ClientKind.THUNDERBIRD),
    ({"name": "Thunderbird", "os": "Microsoft Windows"}, ClientKind.THUNDERBIRD),
    ({"name": "Microsoft Outlook", "version": "16.0"}, ClientKind.OUTLOOK),
    ({"NAME": "x", "Vendor": "Microsoft Corporation"}, ClientKind.OUTLOOK),
    ({"name": "Microsoft.Exchange.Imap4.Server"}, ClientKind.OUTLOOK),
    ({"name": "Mac OS X Mail", "version": "16.0", "os": "Mac OS X", "vendor": "Apple Inc."}, ClientKind.MACOS),
    ({"name": "com.apple.email.maild", "os": "iOS", "os-version": "17.0"}, ClientKind.IOS),
    ({"name": "iPhone Mail", "os": "iOS", "vendor": "Apple"}, ClientKind.IOS),
    ({"name": "iPad Mail"}, ClientKind.IOS),
    ({"name": "com.google.android.gm", "os": "android", "vendor": "Google"}, ClientKind.ANDROID),
    ({"name": "K-9 Mail", "version": "6.8"}, ClientKind.ANDROID),
    ({"name": "FairEmail"}, ClientKind.ANDROID),
    ({"name": "Thunderbird", "os": "Android"}, ClientKind.ANDROID),
    ({"name": "Roundcube", "version": None}, ClientKind.WEBMAIL),
    ({"name": "NeoMutt", "version": "20250510"}, ClientKind.OTHER),
    ({"name": None, "vendor": None}, ClientKind.OTHER),
    ({"environment": "Thunderbird", "arguments": "apple"}, ClientKind.OTHER),
    ({}, ClientKind.OTHER),
]


@pytest.mark.parametrize(("said", "kind"), PROGRAMS)
def test_programs(said: dict[str, str | None], kind: ClientKind) -> None:
    assert client_kind(said.items()) is kind
    assert client_kind((name.upper(), value and value.upper()) for name, value in said.items()) is kind


def test_a_client_that_says_nothing() -> None:
    assert client_kind(None) is ClientKind.OTHER


@given(st.lists(st.tuples(st.text() | st.sampled_from(["name", "vendor", "os"]), st.none() | st.text())))
def test_whatever_is_said_makes_a_kind(fields: list[tuple[str, str | None]]) -> None:
    assert client_kind(fields) in ClientKind


class Witness:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ClientKind]] = []

    def signed_in(self, account_id: int, client: ClientKind) -> object:
        self.told.append((account_id, client))
        return len(self.told)

    def identified(self, sign_in: object, client: ClientKind) -> None:
        self.told.append((f"sign-in {sign_in}", client))


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
async def watched(tls: Tls, witness: Witness) -> AsyncIterator[Gateway]:
    running = Gateway(MemoryBackend(MemoryAccount(1, "ada", "secret"), MemoryAccount(2, "bob", "secret")), tls)
    running.server = ImapServer(
        running.backend, ssl_context=tls.server, features=Features(unauthenticate=True), observer=witness
    )
    await running.server.start([listening()], starttls=[listening()])
    running.secure, running.plain = running.server.addresses
    yield running
    await running.stop()


async def test_id_before_sign_in(watched: Gateway, witness: Witness) -> None:
    client = await watched.connect()
    await client.line()
    await client.ok('ID ("name" "iPhone Mail" "os" "iOS")')
    assert witness.told == []
    await client.ok("LOGIN ada secret")
    await client.ok('ID ("name" "Thunderbird")')
    assert witness.told == [(1, ClientKind.IOS)]


async def test_id_after_sign_in_tells_once(watched: Gateway, witness: Witness) -> None:
    client = await watched.connect()
    await client.line()
    await client.ok("LOGIN ada secret")
    await client.ok("ID NIL")
    for name in ("NeoMutt", "Thunderbird", "K-9 Mail"):
        await client.ok(f'ID ("name" "{name}")')
    assert witness.told == [(1, ClientKind.OTHER), ("sign-in 1", ClientKind.THUNDERBIRD)]


async def test_each_person_of_a_connection(watched: Gateway, witness: Witness) -> None:
    client = await watched.connect()
    await client.line()
    assert b" NO " in (await client.command("LOGIN ada wrong"))[-1]
    await client.ok("LOGIN ada secret")
    await client.ok("UNAUTHENTICATE")
    await client.ok('ID ("name" "Roundcube")')
    await client.ok("LOGIN bob secret")
    assert witness.told == [(1, ClientKind.OTHER), (2, ClientKind.WEBMAIL)]
