"""SQLite: a read that took too long in the event loop was sometimes interrupted once more in its ROLLBACK.

Whether that statement is looked at is a matter of how many have run before, one in some hundreds; the connection then
stayed in its transaction, and every later read in the event loop failed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Integer, func, literal, select

from mailgate.database import Statement, Tx
from mailgate.database.sqlite import SqliteDatabase, _TooLong

_counted = select(literal(1, Integer).label("n")).cte("counted", recursive=True)
_counted = _counted.union_all(select(_counted.c.n + 1).where(_counted.c.n < 1_000_000))
LONG = Statement(select(func.count()).select_from(_counted))
SHORT = Statement(select(literal(1, Integer)))
ROLLBACKS = 1_200


async def test_the_next_reads_are_answered(tmp_path: Path) -> None:
    async def long(tx: Tx) -> None:
        await tx.one(LONG)

    database = await SqliteDatabase.open(tmp_path / "mailgate.db", busy_timeout=5)
    try:
        for _ in range(ROLLBACKS):
            with pytest.raises(_TooLong):
                database._read_inline(long, deadline=0.0)  # over from the beginning
        assert await database.read(lambda tx: tx.one(SHORT)) == (1,)
    finally:
        await database.close()
