"""What keeps the counts: messages are counted, a month that is over is closed, old months are forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.statistics import counts, messages
from mailgate.statistics.activated import counts_now
from mailgate.statistics.counts import Counts, Mark
from mailgate.statistics.months import month_of, shift

_CLOSED: Final = "accounts"
"""The mark of the last month whose accounts were counted, by number."""


class Upkeep:
    """For any number of processes on one database: what one has done, the others find done."""

    def __init__(
        self, database: Database, zone: ZoneInfo, *, months: int, clock: Callable[[], float] = time.time
    ) -> None:
        """`months`: of how many the counts are kept."""
        self._database = database
        self._zone = zone
        self._months = months
        self._clock = clock

    async def run(self) -> None:
        """Bring the counts up to date."""
        now = self._clock()
        await messages.fold(self._database, self._zone, now)
        month = month_of(now, self._zone)
        await self._close(shift(month, -1))
        await self._database.write(partial(counts.forget, before=shift(month, -self._months)), durable=False)

    async def _close(self, month: int) -> None:
        """Keep the numbers of accounts at the end of the month that is over, unless that is done."""
        before = await self._database.read(partial(counts.mark_of, name=_CLOSED))
        if before is None:
            # What the numbers were before anybody looked is not known.
            await self._database.write(partial(counts.begin, name=_CLOSED, mark=Mark(month, "")), durable=False)
        elif before.at < month:
            found = await self._database.read(partial(counts_now, month=month))
            await self._database.write(partial(_put, before=before, month=month, found=found), durable=False)


def upkeep_of(database: Database, settings: Settings) -> Upkeep:
    """That of a gateway."""
    return Upkeep(database, settings.gateway.zone(), months=settings.statistics.months)


async def _put(tx: Tx, before: Mark, month: int, found: Counts) -> None:
    if await counts.move(tx, _CLOSED, before, Mark(month, "")):
        await counts.add(tx, found)
