"""On SQLite, whose planner has no statistics, what runs all the time finds its index: a queue may hold a million."""

from __future__ import annotations

import sqlite3

import pytest

from mailgate.database import Statement
from mailgate.database.open import sqlite_file
from mailgate.queue import claim, clock, settling


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (claim._LEASE, "ix_queued_recipient_claim (domain=? AND priority=? AND due_at<?)"),
        (settling._SETTLE, "SEARCH queued_recipient USING PRIMARY KEY (queue_id=? AND number=?)"),
        (claim._PUT_OFF, "SEARCH queued_recipient USING PRIMARY KEY (queue_id=? AND number=?)"),
        (claim._PROLONG, "SEARCH queued_recipient USING PRIMARY KEY (queue_id=? AND number=?)"),
        (claim._SCHEDULE, "ix_queued_recipient_due (domain=?)"),
        (claim._LET_GO_ALL, "ix_queued_recipient_lease (lease_owner>?)"),
        (clock._DUE, "ix_queued_recipient_notice (state=? AND notice_at<?)"),
    ],
)
def test_the_index_is_used(queue_url: str, statement: Statement, index: str) -> None:
    path = sqlite_file(queue_url)
    if path is None:
        pytest.skip("PostgreSQL plans by statistics")
    values = {
        "domain": "d",
        "now": 1,
        "owner": "o",
        "until": 2,
        "most": 3,
        "lane": "l",
        "given_back": [],
        "kept": [],
        "results": [],
    }
    plan = statement.plan("sqlite")
    wanted = {name: value for name, value in values.items() if name in plan._wanted}
    with sqlite3.connect(path) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {plan.sql}", plan.arguments(wanted)).fetchall()
    connection.close()
    assert any(index in row[3] for row in rows), rows
