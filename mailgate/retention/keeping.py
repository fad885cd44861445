"""What a gateway does about leavers by itself; any number of nodes may do it at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from mailgate.config import Settings
from mailgate.database.batch import batch_transaction
from mailgate.retention.leavers import end_graces

log = structlog.stdlib.get_logger("mailgate.retention")

INTERVAL: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """Ends graces when they are over."""

    settings: Settings
    clock: Callable[[], float] = time.time

    async def look(self) -> None:
        """Close the accounts of those whose time to read is over."""
        async with batch_transaction(self.settings.database.url) as connection:
            over = await connection.run_sync(end_graces, int(self.clock()))
        if over:
            log.info("leavers suspended", accounts=len(over))
