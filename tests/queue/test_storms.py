"""Destinations that refuse, stand still or trickle: they cost themselves, and nobody else."""

from __future__ import annotations

import asyncio

from tests.queue.conftest import Desk, addresses
from tests.queue.test_direct import HERE, direct
from tests.support.nameserver import NameServer
from tests.support.sink import Sink

MESSAGES = 40


async def test_a_server_that_refuses_everything_for_now_is_left_alone(desk: Desk) -> None:
    """One process tries it with as many connections as it may, and then waits for the hour it has set itself."""
    async with Sink(lambda verb, _: "451 4.7.0 slow down" if verb == "MAIL" else None) as sink:
        for number in range(MESSAGES):
            await desk.put(f"p{number}@example.net")
        worker = await desk.worker(desk.smarthost(sink.port), per_lane=3)
        async with asyncio.timeout(20):
            while sink.open or not sink.connections:  # noqa: ASYNC110 - until nobody tries any more
                await asyncio.sleep(0.05)
        worker.look()
        await asyncio.sleep(0.2)
        assert sink.connections <= 3 * 2
        tried = sum(attempts for (attempts,) in await desk.rows("attempts") if isinstance(attempts, int))
        assert 1 <= tried <= 3 * 2
        sink.script = lambda _verb, _rest: None
        desk.now += 400
        worker.look()
        await sink.wait(MESSAGES, timeout=60)
    assert {to for one in sink.taken for to in addresses(one.rcpt)} == {f"p{n}@example.net" for n in range(MESSAGES)}


async def test_a_server_that_stands_still_holds_up_nobody_else(desk: Desk) -> None:
    stuck = asyncio.Event()

    async def script(_verb: str, _rest: str) -> str | None:
        await stuck.wait()
        return None

    records = {"slow.example A": ["127.0.0.9"], "quick.example A": HERE}
    async with Sink() as quick, Sink(script, host="127.0.0.9", port=quick.port) as slow, NameServer(records) as names:
        await desk.worker(direct(names, quick), connections=4, per_lane=2)
        for number in range(10):
            await desk.put(f"s{number}@slow.example")
        for number in range(10):
            await desk.put(f"q{number}@quick.example")
        await quick.wait(10)
        assert slow.most_open == 2
        stuck.set()
        await slow.wait(10)


async def test_a_server_that_goes_away_in_the_middle_is_tried_again(desk: Desk) -> None:
    async with Sink(lambda verb, _: "" if verb == "DATA" else None) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await desk.until("attempts", "doubts", "state", "status", is_=[(1, 0, "waiting", "4.4.2")])


async def test_a_connection_that_was_closed_meanwhile_is_made_anew(desk: Desk) -> None:
    """The other side takes one message over each connection, and says nothing of it."""
    taken = 0

    def script(verb: str, _: str) -> str | None:
        nonlocal taken
        taken = 0 if verb == "CONNECT" else taken + (verb == ".")
        return "" if verb == "MAIL" and taken else None

    async with Sink(script) as sink:
        for number in range(4):
            await desk.put(f"p{number}@example.net")
        await desk.worker(desk.smarthost(sink.port), per_lane=1)
        await desk.until("state", "attempts", "doubts", is_=[("sent", 1, 0)] * 4)
        assert len(sink.taken) == sink.connections == 4


async def test_servers_that_take_no_further_connection_are_sent_to_over_those_there_are(desk: Desk) -> None:
    """No message is put off for it, and nobody is left alone."""
    begun, most = 0, 2
    refused = asyncio.Event()

    async def script(verb: str, _: str) -> str | None:
        nonlocal begun
        if verb == "CONNECT":
            begun += 1
            if begun > most:
                refused.set()
                return "421 4.7.0 too many connections"
        if verb == ".":
            await refused.wait()
        return None

    async with Sink(script) as sink:
        for number in range(MESSAGES):
            await desk.put(f"p{number}@example.net")
        await desk.worker(desk.smarthost(sink.port), per_lane=4)
        await sink.wait(MESSAGES, timeout=20)
        await desk.until("state", "attempts", "doubts", is_=[("sent", 1, 0)] * MESSAGES)
        assert sink.connections <= 8
