"""One run of archiving and purging at a time, on whatever node: who holds the lease shows signs of life."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, or_, select, update

from mailgate.database.statement import insert
from mailgate.retention.schema import retention_lease

SECONDS: Final = 120
"""Without a sign of life for so long, the lease is anybody's."""
RENEWAL: Final = 30.0
_ONE: Final = 1


class LeaseLostError(Exception):
    """Another run is at work."""


@dataclass(frozen=True, slots=True)
class Lease:
    """That of one run."""

    owner: str = field(default_factory=lambda: secrets.token_hex(8))

    def take(self, connection: Connection) -> None:
        """Take the lease, or show a sign of life. Raises LeaseLostError when another run has it."""
        now = int(time.time())
        connection.execute(
            insert(retention_lease).values(lease_id=_ONE, owner=self.owner, until=0).on_conflict_do_nothing()
        )
        table = retention_lease.c
        mine = update(retention_lease).where(or_(table.owner == self.owner, table.until < now))
        if not connection.execute(mine.values(owner=self.owner, until=now + SECONDS)).rowcount:
            raise LeaseLostError("archiving and purging is under way already, here or on another node")

    def check(self, connection: Connection) -> None:
        """Raises LeaseLostError when another run may be at work by now; the row stays locked until the commit."""
        held = select(retention_lease.c.owner).with_for_update()
        if connection.scalar(held) != self.owner:
            raise LeaseLostError("archiving and purging was taken over by another node")

    def give_back(self, connection: Connection) -> None:
        """Let others begin at once."""
        connection.execute(update(retention_lease).where(retention_lease.c.owner == self.owner).values(until=0))
