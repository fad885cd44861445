"""What proves that an account was purged."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from directory.schema import address
from mailgate.retention.schema import purge_proof


@dataclass(frozen=True, slots=True)
class Proof:
    """An account that is no more; times in seconds since the epoch."""

    account_id: int
    addresses: str
    profile: str
    left_at: int
    reads_until: int
    rule: str
    mailboxes: int
    messages: int
    octets: int
    archive: str
    digest: str
    """SHA-256 of the file SHA256SUMS of the archive; empty without one."""
    purged_at: int


def find(connection: Connection, text: str | None, span: tuple[int, int] | None) -> list[Proof]:
    """Those about who has an address, or of a span of time, the oldest first."""
    table = purge_proof.c
    rows = select(*(table[name] for name in Proof.__dataclass_fields__)).order_by(table.purged_at, table.addresses)
    if text is not None:
        whose = select(address.c.person_id).where(address.c.address == text.strip().lower())
        rows = rows.where(table.account_id.in_(whose))
    if span is not None:
        rows = rows.where(table.purged_at >= span[0], table.purged_at < span[1])
    return [Proof(*row) for row in connection.execute(rows)]
