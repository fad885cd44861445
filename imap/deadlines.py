"""Time limits of all connections of a server: one timer looks at them, instead of 700 octets of timer for each."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

from imap.limits import Limits

_LOOKS: Final = 20
"""How often at least there is a look while the shortest time limit passes."""


class Limited(Protocol):
    """A connection whose time is limited."""

    look_at: float
    """When it is to be looked at, by the event loop's clock."""

    def look(self, now: float) -> None:
        """Judge what time it is, and say when to look again."""
        ...


class Deadlines:
    """Looks at each of the connections once its time has come: never early, late by a twentieth of the shortest limit.

    The timer runs from `begin` on for as long as there are connections.
    """

    def __init__(self, limits: Limits, connections: Collection[Limited]) -> None:
        self._connections = connections
        self._step = min(limits.sign_in_timeout, limits.autologout, limits.literal_timeout) / _LOOKS
        self._runs = False

    def begin(self) -> None:
        """There is a connection."""
        if not self._runs:
            self._runs = True
            asyncio.get_running_loop().call_later(self._step, self._look)

    def _look(self) -> None:
        self._runs = False
        now = asyncio.get_running_loop().time()
        for connection in [connection for connection in self._connections if connection.look_at <= now]:
            connection.look(now)
        if self._connections:
            self.begin()
