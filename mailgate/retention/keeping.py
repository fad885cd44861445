"""What a gateway does about leavers by itself; any number of nodes may try, and one does it."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from mailgate.config import Settings
from mailgate.database import Database
from mailgate.database.batch import batch_transaction
from mailgate.retention.lease import LeaseLostError
from mailgate.retention.leavers import end_graces
from mailgate.retention.managers_left import ManagersLeft
from mailgate.retention.running import Runner
from mailgate.retention.telling import LeaverNotices
from mailgate.store import MailStore

log = structlog.stdlib.get_logger("mailgate.retention")

INTERVAL: Final = 3_600.0
_NIGHT: Final = range(1, 5)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Tells leavers, and schools of lists that they managed; ends graces when they are over; at night, archives and
    purges whose time is over.
    """

    settings: Settings
    database: Database
    store: MailStore
    clock: Callable[[], float] = time.time

    async def tell(self) -> None:
        """Tell leavers, and schools, what they are to be told."""
        await LeaverNotices(self.database, self.store, self.settings, self.clock).look()
        await ManagersLeft(self.database, self.store, self.settings, self.clock).look()

    async def look(self) -> None:
        """Close the accounts of those whose time to read is over."""
        async with batch_transaction(self.settings.database.url) as connection:
            over = await connection.run_sync(end_graces, int(self.clock()))
        if over:
            log.info("leavers suspended", accounts=len(over))
        if self.settings.retention.purge and self._local_time().hour in _NIGHT:
            with contextlib.suppress(LeaseLostError):
                await Runner(self.settings, self.store, self.clock).run()

    def _local_time(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.clock(), self.settings.gateway.zone())
