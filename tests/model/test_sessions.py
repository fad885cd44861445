"""Several sessions at random over the real store: their own mailbox, and one that is shared.

Two servers with a store each stand for two processes; on PostgreSQL they have connections of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings

from imap.backend import Account, MailboxRef, Peer, SaslExchange
from imap.server import ImapServer
from mailgate.database import Database, open_database
from mailgate.store import MailStore, maintenance
from tests.imap import sessions
from tests.imap.conftest import Tls, listening
from tests.imap.history import History
from tests.imap.sessions import Hesitant, Round
from tests.imap.wire import Client
from tests.store.shares import office
from tests.support.examples import MODEL_EXAMPLES

_ids = itertools.count(1000)
_RIGHTS = "lrswitedx"


class People:
    """`imap.backend.Backend` that knows people by name and asks for no password."""

    def __init__(self, accounts: dict[str, Account]) -> None:
        self._accounts = accounts

    def mechanisms(self) -> Sequence[str]:
        return ()

    def sasl(self, mechanism: str, peer: Peer) -> SaslExchange:
        raise NotImplementedError

    async def login(self, username: str, password: str, peer: Peer) -> Account:
        return self._accounts[username]


class OnTheStore:
    """`tests.imap.sessions.World`: two people, two servers."""

    def __init__(self, stores: Sequence[MailStore], *, shared: bool) -> None:
        self.history = History()
        self._stores = stores
        self._shared = shared
        self._people = [next(_ids), next(_ids)]
        self._office = next(_ids)
        name = f"Shared/Office{self._office}"
        self.names = (
            {"INBOX": name, "Archive": f"{name}/Archive"} if shared else {"INBOX": "INBOX", "Archive": "Archive"}
        )
        self._stack = AsyncExitStack()
        self._servers: list[ImapServer] = []

    async def start(self, database: Database, tls: Tls, pauses: Sequence[int]) -> None:
        self._tls = tls
        self._database = database
        await self._stores[0].create_accounts([(number, 0) for number in (*self._people, self._office)])
        await office(database, dict.fromkeys(self._people, _RIGHTS), f"Office{self._office}", self._office)
        for store in self._stores:
            accounts = {
                f"p{index}": Hesitant(store.account(number, f"p{number}@example.org"), pauses, self.history)
                for index, number in enumerate(self._people)
            }
            server = ImapServer(People(accounts), ssl_context=tls.server)  # type: ignore[arg-type]
            await server.start([listening()])
            self._servers.append(server)

    async def stop(self) -> None:
        await self._stack.aclose()
        for server in self._servers:
            await server.stop(grace=5)

    async def client(self, actor: int) -> Client:
        server = self._servers[actor // 2 % len(self._servers)]
        client = await self._stack.enter_async_context(await Client.connect(server.addresses[0], self._tls.client))
        await client.line()
        await client.ok(f"LOGIN p{self._person(actor)} any")
        return client

    async def deliver(self, content: bytes) -> None:
        """Beside which the upkeep goes on."""
        await self._stores[0].deliver(content, [self._office if self._shared else self._people[0]])
        await maintenance.settle_flags(self._database)

    def account(self, actor: int) -> Account:
        return self._stores[0].account(self._people[self._person(actor)], "")

    def _person(self, actor: int) -> int:
        return actor % 2 if self._shared else 0

    async def is_consistent(self, database: Database) -> None:
        """The counters say what the mailboxes hold, seen marks of each reader included."""
        assert await maintenance.check_counters(database) == []
        for number in self._people:
            account = self._stores[0].account(number, "")
            for status in await account.mailboxes():
                masks = (await account.snapshot(MailboxRef(*status.ref))).flags
                assert (status.messages, status.unseen) == (len(masks), sum(not mask & 1 for mask in masks)), status


@pytest.fixture
async def stores(store: MailStore, database_url: str) -> AsyncIterator[list[MailStore]]:
    """One on SQLite, two on PostgreSQL, each with connections of its own."""
    if database_url.startswith("sqlite"):
        yield [store]
        return
    other = await open_database(database_url)
    second = MailStore(other)
    await second.start()
    yield [store, second]
    await second.close()
    await other.close()


@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
@settings(parent=sessions.SETTINGS, max_examples=MODEL_EXAMPLES or 5)
@given(kinds=sessions.actors, rounds=sessions.rounds, pauses=sessions.pauses)
async def test_sessions_at_random(
    stores: list[MailStore],
    database: Database,
    tls: Tls,
    shared: bool,  # noqa: FBT001
    kinds: list[tuple[str, bool]],
    rounds: list[Round],
    pauses: list[int],
) -> None:
    world = OnTheStore(stores, shared=shared)
    await world.start(database, tls, pauses)
    try:
        await sessions.play(world, kinds, rounds)
        await world.is_consistent(database)
    finally:
        await world.stop()
