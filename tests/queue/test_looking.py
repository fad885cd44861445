"""What nobody tells a worker of it finds by itself, and soon."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from mailgate.database.batch import batch_engine
from mailgate.queue import claim as entries
from mailgate.queue import worker as working
from mailgate.queue.schema import queued_recipient
from tests.queue.conftest import Desk, addresses
from tests.queue.test_direct import HERE, direct
from tests.support.nameserver import NameServer
from tests.support.sink import Sink


async def test_more_domains_than_one_look_finds_are_found_without_a_pause(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "_MOST", 2)
    monkeypatch.setattr(working, "_MORE", 0.1)
    for number in range(6):
        await desk.put(f"p@d{number}.example")
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port))
        await sink.wait(6, timeout=working.LOOK / 2)


async def test_what_another_one_locked_and_let_go_is_looked_for(
    desk: Desk, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was passed over, and who had it is gone without a word."""
    if queue_url.startswith("sqlite"):
        pytest.skip("nothing is passed over on SQLite")
    monkeypatch.setattr(working, "LOOK", 0.2)
    await desk.put("parent@example.net")
    async with Sink() as sink, batch_engine(queue_url) as engine:
        async with engine.connect() as other:
            await other.execute(select(queued_recipient).with_for_update())
            worker = await desk.worker(desk.smarthost(sink.port))
            async with asyncio.timeout(20):
                while not worker._lanes or worker._runners:  # noqa: ASYNC110 - until it has looked, and found nothing
                    await asyncio.sleep(0.01)
            assert sink.taken == []
            await other.rollback()
        await sink.wait(1)


async def test_what_a_dead_one_had_is_looked_for_when_its_lease_ends(desk: Desk) -> None:
    await desk.put("parent@example.net")
    now = int(desk.now)
    await entries.claim(desk.database, domain="example.net", lane="l", owner="dead", now=now, until=now + 2, most=1)
    async with Sink() as sink:
        worker = await desk.worker(desk.smarthost(sink.port))
        async with asyncio.timeout(20):
            while not worker._look._waiters:  # noqa: ASYNC110 - until it has looked
                await asyncio.sleep(0.01)
        desk.now += 2
        await sink.wait(1, timeout=working.LOOK / 2)


async def test_a_busy_destination_lets_others_have_their_turn(desk: Desk) -> None:
    """One connection in all, of which each message is to have its own."""
    records = {f"{name}.example A": HERE for name in ("busy", "other")}
    async with Sink() as sink, NameServer(records) as names:
        for number in range(10):
            await desk.put(f"p{number}@busy.example")
        await desk.put("p@other.example")
        await desk.worker(direct(names, sink), connections=1, messages=2)
        await sink.wait(11)
    order = [addresses(one.rcpt)[0] for one in sink.taken]
    assert order.index("p@other.example") <= 2
