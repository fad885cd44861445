"""Several sessions at random over an application in memory, which answers as late as it can."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings

from imap.backend import Account
from tests.imap import sessions
from tests.imap.conftest import Gateway, Tls
from tests.imap.history import History
from tests.imap.memory_backend import MemoryAccount, MemoryBackend
from tests.imap.sessions import Hesitant, Round
from tests.imap.wire import Client


class InMemory:
    """`tests.imap.sessions.World`: one person, two servers."""

    def __init__(self, tls: Tls, pauses: Sequence[int]) -> None:
        self.names = {"INBOX": "INBOX", "Archive": "Archive"}
        self.history = History()
        self._ada = MemoryAccount(1, "ada", "secret")
        self._gateways = [
            Gateway(MemoryBackend(Hesitant(self._ada, pauses, self.history)), tls)  # type: ignore[arg-type]
            for _ in range(2)
        ]

    async def start(self) -> None:
        for gateway in self._gateways:
            await gateway.start()

    async def stop(self) -> None:
        for gateway in self._gateways:
            await gateway.stop()

    async def client(self, actor: int) -> Client:
        return await self._gateways[actor // 2 % 2].client()

    async def deliver(self, content: bytes) -> None:
        self._ada.deliver(content)

    def account(self, actor: int) -> Account:
        return self._ada


async def play(tls: Tls, kinds: Sequence[tuple[str, bool]], rounds: Sequence[Round], pauses: Sequence[int]) -> None:
    world = InMemory(tls, pauses)
    await world.start()
    try:
        await sessions.play(world, kinds, rounds)
    finally:
        await world.stop()


@settings(parent=sessions.SETTINGS)
@given(kinds=sessions.actors, rounds=sessions.rounds, pauses=sessions.pauses)
def test_sessions_at_random(tls: Tls, kinds: list[tuple[str, bool]], rounds: list[Round], pauses: list[int]) -> None:
    asyncio.run(play(tls, kinds, rounds, pauses))
