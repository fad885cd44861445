"""Several workers empty one queue: nobody gets anything twice, and what a dead one had is tried again."""

from __future__ import annotations

import asyncio
from collections import Counter

from mailgate.database import open_database
from mailgate.database.batch import batch_engine
from mailgate.policy.matrix import Verdict
from mailgate.policy.stops import Wanted, add, begin, lift
from mailgate.queue import claim as entries
from mailgate.queue.claim import Claim
from mailgate.queue.settling import Outcome, Result, Settled, settle
from mailgate.queue.worker import Limits, Worker
from tests.queue.conftest import PEOPLE, Desk, addresses
from tests.support.sink import Sink

MESSAGES = 60


async def take(desk: Desk, owner: str, at: int, most: int = 1) -> list[Claim]:
    taken = await entries.claim(
        desk.database, domain="example.net", lane="lane", owner=owner, now=at, until=at + 120, most=most
    )  # fmt: skip
    return list(taken.claims)


async def test_two_workers_send_everything_once(desk: Desk, queue_url: str) -> None:
    async def script(verb: str, _: str) -> str | None:
        if verb == ".":
            await asyncio.sleep(0.005)
        return None

    sqlite = queue_url.startswith("sqlite")
    other = desk.database if sqlite else await open_database(queue_url)
    async with Sink(script) as sink:
        for number in range(MESSAGES):
            await desk.put(f"p{number}@d{number % 3}.example", "all@d0.example", "all@d1.example")
        workers = [await desk.worker(desk.smarthost(sink.port), per_lane=4)]
        second = Worker(other, desk.making(desk.smarthost(sink.port)), Limits(per_lane=4))
        await second.start()
        workers.append(second)
        await desk.until("state", is_=[("sent",)] * MESSAGES * 3, timeout=60)
        await second.close()
    sent = Counter(to for taken in sink.taken for to in addresses(taken.rcpt))
    assert sent.pop("all@d0.example") == sent.pop("all@d1.example") == MESSAGES
    assert sent == {f"p{number}@d{number % 3}.example": 1 for number in range(MESSAGES)}
    assert 1 < sink.most_open <= 8
    if not sqlite:
        await other.close()


async def test_a_lease_that_ran_out_is_taken_over_and_counted(desk: Desk) -> None:
    await desk.put("parent@example.net")
    now = int(desk.now)

    [first] = await take(desk, "dead", now)
    assert await take(desk, "other", now + 119) == []
    await desk.database.write(lambda tx: entries.prolong(tx, first.keys, "dead", now + 200))
    assert await take(desk, "other", now + 199) == []
    [second] = await take(desk, "other", now + 200)
    assert second.recipients[0].doubts == 1
    late = Result(0, "sent", 0, 1, 0, 250, "2.0.0", "taken", "sink", now)
    outcome = Outcome(first.entry.queue_id, [late], whole=True, at=now)
    assert await desk.database.write(lambda tx: settle(tx, "dead", [outcome])) == Settled(0, set())
    assert await desk.database.write(lambda tx: settle(tx, "other", [outcome])) == Settled(1, set())


async def test_nothing_is_completed_after_the_lease(desk: Desk) -> None:
    """A process that stood still gives the message up before its end: another may have it by now."""
    async with Sink() as sink:
        sending = desk.making(desk.smarthost(sink.port))("slow")
        await desk.put("parent@example.net")
        now = int(desk.now)
        [claimed] = await take(desk, "slow", now)
        connection, again = await sending.hand_over(claimed, "example.net", None, lambda: False)
        assert connection is None
        assert not again
        assert sink.taken == []
    assert await desk.rows("state", "doubts", "answer") == [("waiting", 0, "Given up before the end of data")]


async def test_a_stop_holds_what_its_sender_has_queued(desk: Desk, queue_url: str) -> None:
    async with batch_engine(queue_url) as engine, engine.begin() as connection:
        wanted = Wanted(verdict=Verdict.REFUSE, ends_at=2_000_000_000_000, account=PEOPLE[1])
        await connection.run_sync(begin)
        made = await connection.run_sync(lambda sync: add(sync, wanted))
    async with Sink() as sink:
        worker = await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await desk.until("due_at", "state", "attempts", is_=[(int(desk.now) + 60, "waiting", 0)])
        async with batch_engine(queue_url) as engine, engine.begin() as connection:
            await connection.run_sync(lambda sync: lift(sync, made.id))
        assert sink.taken == []
        desk.now += 60
        worker.look()
        await sink.wait(1)


async def test_a_worker_that_is_woken_while_it_closes_ends(desk: Desk) -> None:
    for ticks in range(8):
        worker = Worker(desk.database, desk.making(desk.smarthost(9)), Limits())
        await worker.start()
        async with asyncio.timeout(20):
            while not worker._look._waiters:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.001)
        worker.look()
        for _ in range(ticks):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await worker.close()
