"""One timer looks at all connections of a server, each when its time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from imap.deadlines import Deadlines
from imap.limits import Limits


class Connections(set["Watched"]):
    """Counts how often somebody went over them."""

    passes = 0

    def __iter__(self) -> Iterator[Watched]:
        self.passes += 1
        return super().__iter__()


class Watched:
    """A connection that notes when it was looked at, and is gone after the second time."""

    def __init__(self, every: float, connections: Connections) -> None:
        self.every = every
        self.look_at = asyncio.get_running_loop().time() + every
        self.late: list[float] = []
        self.gone = asyncio.Event()
        self._connections = connections
        connections.add(self)

    def look(self, now: float) -> None:
        self.late.append(now - self.look_at)
        self.look_at = now + self.every
        if len(self.late) == 2:
            self._connections.discard(self)
            self.gone.set()


async def test_each_is_looked_at_in_its_time_while_there_are_any() -> None:
    connections = Connections()
    deadlines = Deadlines(Limits(sign_in_timeout=0.1, literal_timeout=0.3), connections)
    for _ in range(2):  # the timer begins anew after the last connection is gone
        watched = [Watched(every, connections) for every in (0.03, 0.07)]
        never = Watched(60.0, connections)
        deadlines.begin()
        deadlines.begin()
        async with asyncio.timeout(10):
            await asyncio.gather(*(one.gone.wait() for one in watched))
        assert all(late >= 0 for one in watched for late in one.late)
        assert not never.late
        connections.clear()
        connections.passes = 0
        await asyncio.sleep(0.05)
        assert connections.passes <= 1
