"""Several messages are taken up, and settled, at a time: the most urgent first, and nothing is held for long."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from mailgate.database import Statement
from mailgate.queue import claim as entries
from mailgate.queue import worker as working
from mailgate.queue.claim import Taken
from mailgate.queue.enqueue import OutsideRecipient
from mailgate.queue.schedule import Priority
from mailgate.queue.schema import queued_message
from mailgate.queue.sending import Sending
from mailgate.queue.settling import Outcome, Result, Settler
from mailgate.store.collector import collect
from tests.queue.conftest import Desk, addresses
from tests.queue.test_direct import HERE, direct
from tests.support.nameserver import NameServer
from tests.support.sink import Sink

_UNFINISHED = Statement(select(func.count()).select_from(queued_message).where(queued_message.c.done_at == 0))
_FAR = 2_000_000_000_000


async def take(desk: Desk, most: int, owner: str = "me") -> Taken:
    now = int(desk.now)
    return await entries.claim(
        desk.database, domain="example.net", lane="lane", owner=owner, now=now, until=now + 120, most=most
    )


def sent(number: int) -> Result:
    return Result(number, "sent", 0, 1, 0, 250, "2.0.0", "taken", "sink", 1)


async def unfinished(desk: Desk) -> int:
    row = await desk.database.read(lambda tx: tx.one(_UNFINISHED))
    assert row is not None
    return int(row[0])


async def test_the_most_urgent_are_taken_up_first_each_with_all_its_recipients(desk: Desk) -> None:
    for priority in (Priority.BULK, Priority.UNHINDERED, Priority.PERSONAL, Priority.NORMAL):
        await desk.put(f"a{priority}@example.net", f"b{priority}@example.net", "c@elsewhere.example", priority=priority)
    taken = await take(desk, 5)
    assert [[to.address for to in one.recipients] for one in taken.claims] == [
        [f"a{priority}@example.net", f"b{priority}@example.net"] for priority in range(3)
    ]
    assert taken.more
    assert not any(one.whole for one in taken.claims)
    last = await take(desk, 5)
    assert [one.recipients[0].address for one in last.claims] == ["a3@example.net"]
    assert not (await take(desk, 3)).claims


async def test_of_copies_as_many_are_taken_up_as_are_asked_for(desk: Desk) -> None:
    await desk.put(*(OutsideRecipient(f"p{n}@example.net", person_id=n) for n in range(5)), verp=True)
    taken = await take(desk, 3)
    assert [len(one.recipients) for one in taken.claims] == [1, 1, 1]
    assert taken.more
    assert not any(one.whole for one in taken.claims)
    last = await take(desk, 3)
    assert len(last.claims) == 2
    assert not last.more


async def test_only_what_is_held_keeps_its_lease(desk: Desk) -> None:
    """A lease that nobody heard of runs out, though its owner lives."""
    await desk.put("a@example.net")
    await desk.put("b@example.net")
    [first, _] = (await take(desk, 2)).claims
    until = int(desk.now) + 240
    await desk.database.write(lambda tx: entries.prolong(tx, first.keys, "me", until))
    desk.now += 130
    again = await take(desk, 2, "other")
    assert [one.entry.queue_id == first.entry.queue_id for one in again.claims] == [False]


async def test_recipients_that_are_settled_at_the_same_time_end_their_message(desk: Desk) -> None:
    await desk.put(*(OutsideRecipient(f"p{n}@example.net", person_id=n) for n in range(6)), verp=True)
    settlers = []
    for owner in ("one", "two"):
        for claimed in (await take(desk, 3, owner)).claims:
            outcome = Outcome(
                claimed.entry.queue_id, [sent(claimed.recipients[0].number)], claimed.whole, int(desk.now)
            )
            settlers.append(Settler(desk.database, owner).settle(outcome))
    await asyncio.gather(*settlers)
    assert await desk.rows("state") == [("sent",)] * 6
    assert await unfinished(desk) == 0
    assert await collect(desk.database, now=_FAR) == 1


async def test_an_outcome_that_cannot_be_written_keeps_no_other_from_it(desk: Desk) -> None:
    for number in range(3):
        await desk.put(f"p{number}@example.net")
    settler = Settler(desk.database, "me")
    outcomes = [
        Outcome(one.entry.queue_id, [sent(0)], one.whole, int(desk.now)) for one in (await take(desk, 3)).claims
    ]
    outcomes[1] = replace(outcomes[1], results=[replace(sent(0), answer="\0")])
    found = await asyncio.gather(*map(settler.settle, outcomes), return_exceptions=True)
    assert [isinstance(one, Exception) for one in found] == [False, True, False]
    assert sorted(await desk.rows("state")) == [("sent",), ("sent",), ("waiting",)]
    assert await unfinished(desk) == 1


async def test_what_nobody_begins_with_soon_is_given_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_FRESH", -1.0)
    for number in range(20):
        await desk.put(f"p{number}@example.net")
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port), per_lane=3)
        await desk.until("state", "attempts", "doubts", is_=[("sent", 1, 0)] * 20)
    assert sorted(to for one in sink.taken for to in addresses(one.rcpt)) == sorted(
        f"p{n}@example.net" for n in range(20)
    )
    assert await unfinished(desk) == 0


async def test_a_worker_that_ends_keeps_nothing_that_it_has_not_begun_with(desk: Desk) -> None:
    begun = 0

    async def script(verb: str, _: str) -> str | None:
        nonlocal begun
        begun += verb == "."
        if verb == "." and begun > 3:
            await asyncio.Event().wait()
        return None

    for number in range(20):
        await desk.put(f"p{number}@example.net")
    async with Sink(script) as sink:
        worker = await desk.worker(desk.smarthost(sink.port), per_lane=1)
        async with asyncio.timeout(20):
            while begun < 4:  # noqa: ASYNC110 - until one is under way and more are taken up
                await asyncio.sleep(0.01)
        await worker.close()
    leased = [owner for (owner,) in await desk.rows("lease_owner") if owner is not None]
    assert len(leased) == 1


async def test_a_connection_waits_a_moment_for_more(desk: Desk) -> None:
    async with Sink() as sink:
        worker = await desk.worker(desk.smarthost(sink.port))
        for number in range(4):
            await desk.put(f"p{number}@d{number % 2}.example")
            await sink.wait(number + 1)
            await desk.until("state", is_=[("sent",)] * (number + 1))
        assert (sink.connections, sink.open) == (1, 1)
        async with asyncio.timeout(20):
            while sink.open:  # noqa: ASYNC110 - it ends by itself
                await asyncio.sleep(0.01)
        assert sink.lines[-1] == "QUIT"
        await desk.put("last@example.net")
        await sink.wait(5)
        assert sink.connections == 2
        async with asyncio.timeout(30):
            await worker.close(grace=60)
        assert sink.lines[-1] == "QUIT"


async def test_nobody_lingers_while_another_destination_waits(desk: Desk) -> None:
    """One connection in all serves many domains, one after the other, without a pause."""
    records = {f"d{number}.example A": HERE for number in range(20)}
    async with Sink() as sink, NameServer(records) as names:
        for number in range(20):
            await desk.put(f"p{number}@d{number}.example")
        async with asyncio.timeout(10):
            await desk.worker(direct(names, sink), connections=1)
            await sink.wait(20)
    assert sink.most_open == 1


async def test_what_a_runner_leaves_that_failed_is_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = Sending.hand_over, 0

    async def fails_once(self: Sending, *arguments: Any) -> Any:  # noqa: ANN401 - as the method
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("a mistake")
        return await whole(self, *arguments)

    monkeypatch.setattr(Sending, "hand_over", fails_once)
    for number in range(3):
        await desk.put(f"p{number}@example.net")
    async with Sink() as sink:
        worker = await desk.worker(desk.smarthost(sink.port), per_lane=1)
        async with asyncio.timeout(20):
            while sorted(await desk.rows("state")) != [("sent",)] * 2 + [("waiting",)]:
                worker.look()
                await asyncio.sleep(0.05)
