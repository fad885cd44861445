"""Greylisting (RFC 6647) on both engines: who comes back in time is known, on every node, until it stays away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from mailgate.config import Greylisting
from mailgate.database import Database
from mailgate.database.batch import batch_engine
from mailgate.strangers import greylist as module
from mailgate.strangers.greylist import REFRESH, Greylist

HOST, ELSEWHERE = "192.0.2.7", "198.51.100.7"
FROM, TO = "ami@elsewhere.example", "ada@ent.example.org"
DAY = 86_400


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Nodes:
    """Two nodes at one database, and one clock."""

    database: Database
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        settings = Greylisting(enabled=True, delay=60, window=DAY, memory=10 * DAY)
        self.one, self.other = (Greylist(self.database, settings, self.clock) for _ in range(2))


@pytest.fixture
def nodes(database: Database) -> Nodes:
    return Nodes(database)


async def test_who_comes_back_in_time_passes_at_any_node_and_then_its_whole_network(nodes: Nodes) -> None:
    assert await nodes.one.waits(HOST, FROM, TO)
    nodes.clock.now += 59
    assert await nodes.other.waits(HOST, FROM, TO)
    nodes.clock.now += 1
    assert not await nodes.other.waits("192.0.2.200", FROM, TO)
    assert not await nodes.one.waits(HOST, "else@other.example", "bob@ent.example.org")
    assert await nodes.one.waits(ELSEWHERE, FROM, TO)


async def test_who_comes_back_too_late_begins_anew(nodes: Nodes) -> None:
    assert await nodes.one.waits(HOST, FROM, TO)
    nodes.clock.now += DAY
    assert await nodes.one.waits(HOST, FROM, TO)
    nodes.clock.now += 59
    assert await nodes.one.waits(HOST, FROM, TO)
    nodes.clock.now += 1
    assert not await nodes.one.waits(HOST, FROM, TO)


@pytest.mark.parametrize(
    ("host", "sender", "recipient", "same"),
    [
        ("192.0.2.99", FROM, TO, True),
        ("192.0.3.7", FROM, TO, False),
        (HOST, FROM.upper(), TO.upper(), True),
        (HOST, "ami+list-77@elsewhere.example", TO, True),
        (HOST, "b@elsewhere.example", TO, False),
        (HOST, "ami@other.example", TO, False),
        (HOST, FROM, "bob@ent.example.org", False),
        (HOST, "", TO, False),
    ],
)
async def test_what_is_the_same_attempt(nodes: Nodes, host: str, sender: str, recipient: str, same: bool) -> None:  # noqa: FBT001
    await nodes.one.waits(HOST, FROM, TO)
    nodes.clock.now += 60
    assert await nodes.one.waits(host, sender, recipient) is not same


async def test_reverse_paths_that_count_messages_are_one(nodes: Nodes) -> None:
    await nodes.one.waits("2001:db8:1:2::3", "bounce-17-ab@list.example", TO)
    nodes.clock.now += 60
    assert not await nodes.one.waits("2001:db8:1:ffff::9", "bounce-18-ab@list.example", TO)


async def test_a_network_stays_known_while_it_sends_and_is_forgotten_after(nodes: Nodes) -> None:
    await nodes.one.waits(HOST, FROM, TO)
    nodes.clock.now += 60
    await nodes.one.waits(HOST, FROM, TO)
    for _ in range(3):
        nodes.clock.now += 9 * DAY
        assert not await nodes.one.waits(HOST, "new@elsewhere.example", TO)
    nodes.clock.now += 10 * DAY
    assert await nodes.one.waits(HOST, "newer@elsewhere.example", TO)


async def test_what_is_expired_is_deleted_and_nothing_else(nodes: Nodes, academy_url: str) -> None:
    await nodes.one.waits(HOST, FROM, TO)
    nodes.clock.now += 60
    await nodes.one.waits(HOST, FROM, TO)
    await nodes.one.waits(ELSEWHERE, FROM, TO)
    nodes.clock.now += DAY
    await nodes.one.forget()
    async with batch_engine(academy_url) as engine, engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM greylist"))).scalar() == 1
    assert not await nodes.one.waits(HOST, FROM, TO)


async def test_a_known_network_costs_one_statement_by_its_key(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, academy_url: str
) -> None:
    await nodes.one.waits(HOST, FROM, TO)
    nodes.clock.now += 60
    await nodes.one.waits(HOST, FROM, TO)
    monkeypatch.setattr(nodes.database, "write_alone", None)
    nodes.clock.now += REFRESH
    assert not await nodes.one.waits(HOST, "b@elsewhere.example", TO)
    engine = "sqlite" if academy_url.startswith("sqlite") else "postgresql"
    if engine == "sqlite":
        async with batch_engine(academy_url) as opened, opened.connect() as connection:
            sql = module._FIND.plan("sqlite").sql
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (b"a", b"b"))
            assert "SCAN" not in str(plan.all())


async def test_two_nodes_at_the_same_moment_agree(nodes: Nodes) -> None:
    assert await asyncio.gather(*(node.waits(HOST, FROM, TO) for node in (nodes.one, nodes.other) * 5)) == [True] * 10
    nodes.clock.now += 60
    said = await asyncio.gather(*(node.waits(HOST, FROM, TO) for node in (nodes.one, nodes.other) * 5))
    assert said == [False] * 10
