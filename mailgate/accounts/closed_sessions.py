"""Sessions that stay open on accounts which were closed meanwhile: a grace that is over, a suspension, a purge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from sqlalchemy import select

from imap.server import ImapServer
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import member
from mailgate.store.provisioning import SIGNS_IN
from mailgate.store.schema import account

log = structlog.stdlib.get_logger("mailgate.accounts")

_AT_ONCE: Final = 500
_OPEN: Final = Statement(
    select(account.c.account_id).where(
        member(account.c.account_id, "accounts"), account.c.state.in_(sorted(SIGNS_IN))
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClosedSessions:
    """Ends the IMAP sessions of one process on closed accounts, whichever node closed them. SMTP asks at each MAIL."""

    database: Database
    server: ImapServer

    async def look(self) -> int:
        """A statement for 500 accounts that somebody is signed in to; give the number of sessions that end."""
        accounts = sorted(self.server.accounts())
        closed = set(accounts)
        for start in range(0, len(accounts), _AT_ONCE):
            closed.difference_update(
                await self.database.read(partial(_open, accounts=accounts[start : start + _AT_ONCE]))
            )
        ended = self.server.sign_out(closed) if closed else 0
        if ended:
            log.info("sessions on closed accounts ended", sessions=ended)
        return ended


async def _open(tx: Tx, accounts: Sequence[int]) -> list[int]:
    return [row[0] for row in await tx.all(_OPEN, accounts=accounts)]
