"""What PostgreSQL reads to tell what changed in a mailbox: not the whole of it."""

from __future__ import annotations

import asyncpg
import pytest

from mailgate.database import Statement
from mailgate.store import snapshots

_OWN = {"account_id": 1, "mailbox_id": 1, "since": 1}
_OF_ANOTHER = {**_OWN, "reader_id": 2, "base": 0}


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [(snapshots._LOG, _OWN), (snapshots._CHANGED_TO_READER, _OF_ANOTHER)],
    ids=["to the owner", "to another reader"],
)
async def test_changes_are_read_by_modification_sequence(
    postgresql_url: str, statement: Statement, parameters: dict[str, int]
) -> None:
    connection = await asyncpg.connect(postgresql_url)
    await connection.execute(
        "INSERT INTO entry SELECT account, 1, uid, uid, 0, 0, 0, 100, decode(md5(uid::text), 'hex') "
        "FROM generate_series(1, 50) AS account, generate_series(1, 200) AS uid"
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    plan = statement.plan("postgresql")
    await connection.execute(f"PREPARE changes AS {plan.sql}")
    values = ", ".join(map(str, plan.arguments(parameters)))
    lines = [line[0] for line in await connection.fetch(f"EXPLAIN EXECUTE changes ({values})")]
    await connection.close()
    assert any("ix_entry_account_id_mailbox_id_modseq" in line for line in lines), lines
