"""What an operator asks for while an attempt is under way is done when that attempt does not end the entry."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

import pytest

from mailgate.database.batch import batch_engine
from mailgate.queue import claim as entries
from mailgate.queue import steering, withdrawing
from mailgate.queue.listing import Filter
from mailgate.queue.outcome import State
from mailgate.queue.steering import Acted
from mailgate.store.collector import collect
from tests.queue.conftest import Desk
from tests.support.sink import Sink

NOW = 4_000_000_000
"""Leases are looked at by the clock of the command, which is that of the machine."""
LATER = "451 4.7.1 later"
DOWN = "421 4.3.2 down"


@dataclass
class Slow:
    """A server that holds each answer to MAIL until the test gives it."""

    reached: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    answers: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)

    async def __call__(self, verb: str, rest: str) -> str | None:
        if verb != "MAIL":
            return None
        self.reached.put_nowait(rest)
        return await self.answers.get()

    async def attempt(self) -> None:
        """Until one is under way."""
        async with asyncio.timeout(20):
            await self.reached.get()


async def act(url: str, action: str, wanted: Filter | None = None) -> Acted:
    async with batch_engine(url) as engine, engine.begin() as connection:
        return await connection.run_sync(steering.act, action, wanted or Filter())


@pytest.fixture
async def slow(desk: Desk) -> Slow:
    desk.now = NOW
    return Slow()


@pytest.mark.parametrize("answer", [LATER, DOWN, ""])
async def test_what_is_asked_for_meanwhile_is_tried_right_after(
    desk: Desk, slow: Slow, queue_url: str, answer: str
) -> None:
    """Even where that attempt has its servers left alone; once."""
    async with Sink(slow) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await slow.attempt()
        assert await act(queue_url, "retry") == Acted(1, 1)
        slow.answers.put_nowait(answer)
        await slow.attempt()
        assert await desk.rows("attempts", "doubts", "asked") == [(1, 0, 1)]
        slow.answers.put_nowait(LATER)
        await desk.until("attempts", "asked", is_=[(2, 0)])
        [(due_at,)] = await desk.rows("due_at")
        assert isinstance(due_at, int)
        assert due_at > NOW, "the schedule has it again"
        assert sink.taken == []


async def test_what_the_attempt_sends_is_not_sent_again(desk: Desk, slow: Slow, queue_url: str) -> None:
    async with Sink(slow) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await slow.attempt()
        assert await act(queue_url, "retry", Filter(domain="example.net")) == Acted(1, 1)
        slow.answers.put_nowait(None)
        await desk.until("state", "attempts", "asked", is_=[("sent", 1, 0)])
        assert len(sink.taken) == 1


async def test_what_is_held_meanwhile_is_held_afterwards(desk: Desk, slow: Slow, queue_url: str) -> None:
    async with Sink(slow) as sink:
        worker = await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await slow.attempt()
        assert await act(queue_url, "hold") == Acted(1, 1)
        slow.answers.put_nowait(LATER)
        await desk.until("state", "attempts", "lease_owner", "answer", is_=[("held", 1, None, "later")])
        assert await act(queue_url, "release") == Acted(1, 0)
        desk.now += 400
        worker.look()
        await slow.attempt()
        assert await act(queue_url, "hold") == Acted(1, 1)
        slow.answers.put_nowait(None)
        await desk.until("state", "attempts", is_=[("sent", 2)])


async def test_what_is_released_while_it_is_sent_goes_on_waiting(desk: Desk, slow: Slow, queue_url: str) -> None:
    async with Sink(slow) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await slow.attempt()
        for action in ("hold", "release"):
            assert await act(queue_url, action) == Acted(1, 1)
        slow.answers.put_nowait(LATER)
        await desk.until("state", "attempts", "lease_owner", is_=[("waiting", 1, None)])


@pytest.mark.parametrize(("answer", "state"), [(LATER, "deleted"), (None, "sent"), ("554 5.7.1 no", "failed")])
async def test_what_is_deleted_meanwhile_ends_with_the_attempt(
    desk: Desk, slow: Slow, queue_url: str, answer: str | None, state: str
) -> None:
    async with Sink(slow) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await slow.attempt()
        assert await act(queue_url, "delete") == Acted(1, 1)
        assert await act(queue_url, "delete") == Acted(0, 0)
        slow.answers.put_nowait(answer)
        await desk.until("state", "done_at", "lease_owner", is_=[(state, NOW, None)])
        assert await collect(desk.database, now=2 * NOW) == 1
        assert await desk.rows("attempts") == [(1,)]


async def test_what_is_deleted_while_a_process_has_it_that_dies_ends_with_the_lease(desk: Desk, queue_url: str) -> None:
    desk.now = NOW
    for _ in range(2):
        await desk.put("parent@example.net")
    taken = await entries.claim(
        desk.database, domain="example.net", lane="lane", owner="dead", now=NOW, until=NOW + 120, most=2
    )
    assert await act(queue_url, "delete") == Acted(2, 2)
    keys = taken.claims[0].keys
    await desk.database.write(lambda tx: entries.give_back(tx, keys, "dead", NOW))
    await desk.clock().look()
    assert sorted(await desk.rows("state", "done_at")) == [("deleted", 0), ("deleted", NOW)]
    desk.now += 120
    await desk.clock().look()
    assert sorted(await desk.rows("done_at", "lease_owner")) == [(NOW, None), (NOW + 120, None)]
    assert await collect(desk.database, now=2 * NOW) == 1


async def test_what_is_taken_back_while_it_is_sent_is_not_tried_again(desk: Desk, slow: Slow) -> None:
    async with Sink(slow) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net", dispatch_id="abc")
        await slow.attempt()
        await desk.database.write(partial(withdrawing.take_back, dispatch_id="abc", now=NOW))
        [found] = await desk.database.read(partial(withdrawing.outside_of, dispatch_id="abc"))
        assert found.state is State.WAITING, "it may arrive"
        slow.answers.put_nowait(LATER)
        await desk.until("state", "done_at", is_=[("deleted", NOW)])
        assert await collect(desk.database, now=2 * NOW) == 1


async def test_what_is_tried_at_once_has_waited_since_it_was_put_in(desk: Desk, queue_url: str) -> None:
    desk.now = NOW
    await desk.put("parent@example.net", dispatch_id="abc", not_before=NOW + 3_600)
    assert await act(queue_url, "retry") == Acted(1, 0)
    [found] = await desk.database.read(partial(withdrawing.outside_of, dispatch_id="abc"))
    assert (found.state, found.at) == (State.WAITING, NOW)


async def message_to(desk: Desk, to: str) -> Filter:
    """What an operator names who wants one message."""
    [queue_id] = [number for number, address in await desk.rows("queue_id", "address") if address == to]
    return Filter(message=f"{queue_id:x}")


async def attempted(desk: Desk, *to: str) -> None:
    """Until these have been tried once, and no others."""
    async with asyncio.timeout(20):
        while {one for one, number in await desk.rows("address", "attempts") if number} != set(to):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_what_is_asked_for_passes_a_silence_that_begins_meanwhile(desk: Desk, slow: Slow, queue_url: str) -> None:
    async with Sink(slow) as sink:
        await desk.worker(desk.smarthost(sink.port), per_lane=1)
        await desk.put("first@example.net")
        await slow.attempt()
        await desk.put("asked@example.net", not_before=NOW + 3_600)
        await desk.put("other@example.net")
        assert await act(queue_url, "retry", await message_to(desk, "asked@example.net")) == Acted(1, 0)
        slow.answers.put_nowait(DOWN)
        await attempted(desk, "first@example.net")
        await slow.attempt()
        slow.answers.put_nowait(DOWN)
        await attempted(desk, "first@example.net", "asked@example.net")


async def test_of_a_domain_that_is_flushed_a_few_are_tried_while_its_servers_fail(desk: Desk, queue_url: str) -> None:
    """All of them once these are answered."""
    desk.now = NOW
    number = steering._PROBES + 10
    for _ in range(number):
        await desk.put("parent@example.net", not_before=NOW + 3_600)
    async with Sink(lambda verb, _: DOWN if verb == "CONNECT" else None) as sink:
        worker = await desk.worker(desk.smarthost(sink.port), per_lane=1)
        assert await act(queue_url, "retry", Filter(domain="example.net")) == Acted(number, 0)
        worker.look()
        async with asyncio.timeout(20):
            while (await desk.rows("attempts")).count((1,)) < steering._PROBES or worker._runners:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert sorted(await desk.rows("attempts")) == [(0,)] * 10 + [(1,)] * steering._PROBES
        sink.script = lambda _verb, _rest: None
        assert await act(queue_url, "retry", Filter(domain="example.net")) == Acted(number, 0)
        worker.look()
        await sink.wait(number, timeout=20)


async def test_what_is_asked_for_and_was_not_begun_with_is_still_asked_for(desk: Desk, queue_url: str) -> None:
    async def take(owner: str) -> list[tuple[int, int]]:
        taken = await entries.claim(
            desk.database, domain="example.net", lane="lane", owner=owner, now=NOW, until=NOW + 120, most=1
        )
        return [key for one in taken.claims for key in one.keys]

    desk.now = NOW
    await desk.put("parent@example.net", not_before=NOW + 3_600)
    await act(queue_url, "retry")
    await desk.database.write(partial(entries.silence, lane="lane", failures=1, retry_at=NOW + 300, now=NOW, answer=""))
    for _ in range(2):
        keys = await take("one")
        assert await desk.rows("asked", "due_at") == [(1, NOW + 120)]
        await desk.database.write(partial(entries.give_back, keys=keys, owner="one", now=NOW))
    assert await take("one") == keys
    assert await act(queue_url, "retry") == Acted(1, 1)
    await desk.database.write(partial(entries.give_back, keys=keys, owner="one", now=NOW))
    assert await take("one") == keys
    assert await desk.database.write(partial(entries.free_all, now=NOW)) == 1, "the process was killed"
    assert await take("two") == keys
    await desk.database.write(partial(entries.put_off, keys=keys, owner="two", until=NOW))
    assert await take("two") == [], "its servers are left alone"
