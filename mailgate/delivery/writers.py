"""Who sends, as looked up a moment ago: a program that sends many messages in one go is looked up once a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from mailgate.database import Database
from mailgate.delivery import lookups
from mailgate.delivery.lookups import Room, Writer
from mailgate.policy import allowance
from mailgate.policy.allowance import Window

FRESH: Final = 1.0
"""Seconds for which what was looked up holds."""
_MOST: Final = 1_000
"""Writers that are remembered."""


@dataclass(frozen=True, slots=True)
class Known:
    """A writer, and when the look-up began, by the monotonic clock."""

    writer: Writer
    at: float

    @property
    def is_late(self) -> bool:
        """Whether it may be true no more."""
        return time.monotonic() > self.at + FRESH


class Writers:
    """The writers of one gateway process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: OrderedDict[int, Known] = OrderedDict()

    async def known(self, account_id: int) -> Known:
        """Somebody who signed in. Raises LookupError when there is no such person.

        Only what a message was delivered with is remembered, and for one more: who was refused is looked up anew.
        """
        found = self._recent.pop(account_id, None)
        if found is None or found.is_late:
            at = time.monotonic()
            found = Known(await self._database.read(lambda tx: lookups.writer(tx, account_id)), at)
        return found

    def sent(self, account_id: int, known: Known, window: Window | None, octets: int) -> None:
        """A message was delivered: `window` is what is counted by now, None for who is not counted, and the
        writer's mailboxes have so many octets more.
        """
        standing, room = known.writer.standing, known.writer.room
        if window is not None:
            standing = replace(standing, window=window, counted=allowance.encode(window))
        room = Room(room.limit, room.used + octets)
        self._recent[account_id] = replace(known, writer=known.writer._replace(standing=standing, room=room))
        self._recent.move_to_end(account_id)
        if len(self._recent) > _MOST:
            self._recent.popitem(last=False)
