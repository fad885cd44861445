"""Legal holds: what is held is not purged, whatever the rules say."""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete

from mailgate.database.statement import insert
from mailgate.policy.audit import operator, record
from mailgate.retention.schema import legal_hold


def hold(connection: Connection, account_id: int, address: str, reason: str) -> None:
    """Hold an account; a new reason takes the place of the old one."""
    row = {"account_id": account_id, "reason": reason, "actor": operator(), "at": int(time.time())}
    changed = {name: value for name, value in row.items() if name != "account_id"}
    connection.execute(
        insert(legal_hold).values(**row).on_conflict_do_update(index_elements=["account_id"], set_=changed)
    )
    record(connection, "retention hold", address.lower(), reason)


def release(connection: Connection, account_id: int, address: str) -> bool:
    """End a hold; False when there was none."""
    ended = connection.execute(delete(legal_hold).where(legal_hold.c.account_id == account_id)).rowcount > 0
    if ended:
        record(connection, "retention release", address.lower())
    return ended
