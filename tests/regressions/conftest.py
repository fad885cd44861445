"""IMAP over the real store, on each engine in turn: the lowest boundary at which most of these faults showed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest

from imap.backend import Account, Peer, SaslExchange
from imap.server import ImapServer
from mailgate.store import MailStore
from tests.imap.conftest import Tls, listening, tls
from tests.imap.wire import Client
from tests.store.conftest import database_content, store

__all__ = ["alice", "database_content", "served", "store", "tls"]


class AnyPassword:
    """`imap.backend.Backend` that knows one person."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def mechanisms(self) -> Sequence[str]:
        return ()

    def sasl(self, mechanism: str, peer: Peer) -> SaslExchange:
        raise NotImplementedError

    async def login(self, username: str, password: str, peer: Peer) -> Account:
        return self._account


class Served:
    """A server before one account of the store."""

    def __init__(self, account: Account, tls: Tls) -> None:
        self._server = ImapServer(AnyPassword(account), ssl_context=tls.server)
        self._tls = tls
        self._clients = AsyncExitStack()

    async def start(self) -> None:
        await self._server.start([listening()])

    async def client(self, *commands: str) -> Client:
        """A client that is signed in, and has said this much."""
        client = await self._clients.enter_async_context(
            await Client.connect(self._server.addresses[0], self._tls.client)
        )
        await client.line()
        for command in ("LOGIN alice any", *commands):
            await client.ok(command)
        return client

    async def stop(self) -> None:
        await self._clients.aclose()
        await self._server.stop(grace=5)


@pytest.fixture
def alice(store: MailStore) -> Account:
    """Account 1."""
    return store.account(1, "alice@example.org")


@pytest.fixture
async def served(alice: Account, tls: Tls) -> AsyncIterator[Served]:
    """Alice's mailboxes over IMAP."""
    running = Served(alice, tls)
    await running.start()
    yield running
    await running.stop()
