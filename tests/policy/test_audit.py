"""Every change leaves a row, in the transaction that makes it."""

from __future__ import annotations

import os
import pwd
import time

import pytest
from sqlalchemy import Connection, select

from mailgate import migrations
from mailgate.database import Database, Statement
from mailgate.database.open import async_engine
from mailgate.policy import audit
from mailgate.policy.audit import operator, record, record_in


async def test_a_command_and_the_server_write_rows_alike(database_url: str, database: Database) -> None:
    engine = async_engine(database_url)
    await migrations.upgrade(engine)

    def work(connection: Connection) -> None:
        record(connection, "list exclude", "tous@clg.example.org", "éva@example.org: left home", at=11)
        record(connection, "list close", "tous@clg.example.org", actor="someone")

    before = int(time.time())
    async with engine.begin() as connection:
        await connection.run_sync(work)
    await engine.dispose()
    await database.write(
        lambda tx: record_in(tx, "moderation accept", "tous@clg.example.org", "1", actor="éva@example.org", at=12)
    )
    found = Statement(
        select(*(audit.audit.c[name] for name in ("at", "actor", "action", "subject", "detail"))).order_by(
            audit.audit.c.at
        )
    )
    rows = [tuple(row) for row in await database.read(lambda tx: tx.all(found))]
    assert rows[0] == (11, operator(), "list exclude", "tous@clg.example.org", "éva@example.org: left home")
    assert rows[1] == (12, "éva@example.org", "moderation accept", "tous@clg.example.org", "1")
    assert rows[2][1:] == ("someone", "list close", "tous@clg.example.org", "")
    assert rows[2][0] - before <= 60


def test_the_actor_is_the_system_s_user_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME"):
        monkeypatch.setenv(name, "mallory")
    assert operator() == pwd.getpwuid(os.getuid()).pw_name


def test_who_became_root_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "theo")
    assert operator() == f"theo as {pwd.getpwuid(0).pw_name}"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    monkeypatch.setenv("SUDO_USER", "theo")
    assert operator() == "uid 987654"
