"""What PostgreSQL reads to tell what changed in a mailbox: not the whole of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from mailgate.database import Statement
from mailgate.store import changes

_MAILBOX = {"account_id": 1, "mailbox_id": 1, "since": 1, "uidnext": 200}
_OWN = {**_MAILBOX, "stamp": 1, "beyond": 1}
_OF_ANOTHER = {**_MAILBOX, "reader_id": 2, "uids": [7]}


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [(changes._TO_OWNER, _OWN), (changes._TOUCHED, _OF_ANOTHER)],
    ids=["to the owner", "to another reader"],
)
async def test_changes_are_read_from_the_logs_and_the_end(
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
    values = ", ".join(
        f"'{{{value[0]}}}'" if isinstance(value, list) else str(value) for value in plan.arguments(parameters)
    )
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE changes ({values})")
    await connection.close()
    read = list(_entries_read(json.loads(found)[0]["Plan"]))
    assert read
    assert max(read) < 10, found


def _entries_read(node: dict[str, Any]) -> Iterator[int]:
    """How many entries each node reads, or sifts."""
    if node.get("Relation Name") == "entry":
        yield node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    for below in node.get("Plans", ()):
        yield from _entries_read(below)
