"""How often something happens in a minute, by who causes it, in bounded memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

MINUTE: Final = 60.0
MOST: Final = 50_000
"""Peers that are told apart in one minute; those beyond share one count."""


class Rate:
    """Counts of the running minute: they begin at nothing every sixty seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._until = 0.0

    def take(self, peer: str, most: int | None) -> bool:
        """Count one more for a peer, unless it has had `most` (None: any number) in this minute; whether it may."""
        if most is None:
            return True
        now = self._clock()
        if now >= self._until:
            self._counts.clear()
            self._until = now + MINUTE
        key = peer if peer in self._counts or len(self._counts) < MOST else ""
        if self._counts[key] >= most:
            return False
        self._counts[key] += 1
        return True
