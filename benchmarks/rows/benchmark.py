"""What a benchmark is: rows of the table, and one round of measuring them on one server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.clients.imap import ImapClient
from benchmarks.messages import messages
from benchmarks.peers.peer import Peer

_SETTLING = 0.03
"""Seconds in which a server finishes what it does after its answer, or after a connection."""
_LOOKING = 0.3
_AT_REST = 0.03
"""The share of one processor below which a server rests."""
_LONGEST_REST = 240.0


@dataclass(frozen=True)
class Scale:
    """How much of everything; the defaults are those of the documented table."""

    messages: int = 10_000
    huge: int = 100_000
    bodies: int = 1_000
    people: int = 2_000


@dataclass(frozen=True)
class Row:
    """One row: less is better.

    `ratio`: how many times as good as the better Dovecot it is to be; `limit`: what it is to stay below, in `unit`.
    """

    title: str
    unit: str = "ms"
    ratio: float | None = 1.0
    limit: float | None = None


@dataclass(frozen=True)
class Sample:
    """One measurement, in the unit of its row, with the server's processor time where that is another matter."""

    value: float
    cpu: float | None = None


@dataclass
class Site:
    """One server in the course of a run, and what was put into it so far."""

    peer: Peer
    scale: Scale
    corpus: Sequence[bytes]
    _made: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    async def signed_in(self, member: int = 0) -> ImapClient:
        """Connect and sign in as one of the people."""
        client = await ImapClient.connect(self.peer.imaps, self.peer.tls)
        person = self.peer.members[member]
        await client.login(person.address, person.password)
        return client

    async def selected(self, mailbox: str = "INBOX", member: int = 0) -> ImapClient:
        """Connect, sign in and select a mailbox."""
        client = await self.signed_in(member)
        await client.command(f"SELECT {mailbox}".encode())
        return client

    async def once(self, key: str, make: Callable[[Site], Awaitable[None]]) -> None:
        """Make something that stays for the whole run, unless it is there."""
        if key not in self._made:
            self._made[key] = asyncio.ensure_future(make(self))
        await self._made[key]

    async def rest(self) -> None:
        """Wait until the server does next to nothing: what it puts off (an index of words) is done, too."""
        before = self.peer.processor_time()
        deadline = time.monotonic() + _LONGEST_REST
        while True:
            await asyncio.sleep(_LOOKING)
            now = self.peer.processor_time()
            if now - before < _LOOKING * _AT_REST:
                return
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not come to rest")
            before = now

    async def timed(self, work: Coroutine[Any, Any, object], *, per: float = 1, with_rest: bool = False) -> Sample:
        """Run `work`, and give its milliseconds and the server's divided by `per`.

        It is a coroutine, since a task would begin before the clock does. The processor time `with_rest` is all that
        was used until the server rests again.
        """
        await asyncio.sleep(_SETTLING)
        before = self.peer.processor_time()
        start = time.perf_counter()
        await work
        elapsed = time.perf_counter() - start
        await (self.rest() if with_rest else asyncio.sleep(_SETTLING))
        cost = self.peer.processor_time() - before
        return Sample(elapsed * 1000 / per, cost * 1000 / per)


Round = Callable[[Site, int], Awaitable[Sequence[Sample]]]
"""Measure a server once, in the round of this number; one sample for each row."""


async def _nothing(_: Site) -> None:
    """What most benchmarks have to prepare."""


@dataclass(frozen=True)
class Benchmark:
    """Rows that are measured together.

    `prepare` comes before the first round and may use `Site.once`; `people` says how many accounts are needed.
    """

    name: str
    rows: Sequence[Row]
    round: Round
    prepare: Callable[[Site], Awaitable[None]] = _nothing
    people: Callable[[Scale], int] = lambda _: 100
    rounds: int = 5


def corpus(scale: Scale) -> Sequence[bytes]:
    """The messages of the large mailbox, made once for all servers."""
    return list(messages(scale.messages))
