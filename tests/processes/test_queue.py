"""Mail that leaves a whole gateway: accepted, put into the queue, sent once, whatever dies in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from email import message_from_bytes

from sqlalchemy import Connection, func, insert, select

from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import address, enrolment, guardian, school
from mailgate.database import Statement, open_database
from mailgate.database.batch import batch_engine
from mailgate.policy.schema import school_setting
from mailgate.queue.schema import queued_recipient
from mailgate.queue.wishes import outside_wish
from tests.processes.conftest import Start
from tests.processes.serving import Serving
from tests.queue.conftest import addresses
from tests.support.sink import Sink

MESSAGES = 40
_DOUBTS = Statement(select(func.sum(queued_recipient.c.doubts)))


def settings(sink: Sink, **more: object) -> dict[str, object]:
    return {"route": "smarthost", "smarthost": f"127.0.0.1:{sink.port}", "smarthost_security": "none", **more}


def submit(serving: Serving, numbers: range) -> None:
    with serving.smtp() as client:
        for number in numbers:
            to = [f"p{number}@d{number % 4}.example", serving.pupil]
            client.sendmail(serving.teacher, to, serving.message(f"N{number}"))


async def test_every_message_leaves_though_the_gateway_is_killed(start: Start, store: str) -> None:
    gate = asyncio.Event()

    async def script(verb: str, _: str) -> str | None:
        if verb == "CONNECT":
            await gate.wait()
        if verb == ".":
            await asyncio.sleep(0.01)
        return None

    async with Sink(script) as sink:
        serving = await asyncio.to_thread(start, store, queue=settings(sink, lease=10))
        await asyncio.to_thread(submit, serving, range(MESSAGES))
        gate.set()
        await sink.wait(MESSAGES // 3)
        await asyncio.to_thread(serving.end)
        await asyncio.to_thread(serving.start)
        everybody = {f"p{number}@d{number % 4}.example" for number in range(MESSAGES)}
        async with asyncio.timeout(60), sink.arrived:
            await sink.arrived.wait_for(lambda: everybody == {to for one in sink.taken for to in addresses(one.rcpt)})
        assert await asyncio.to_thread(serving.stop) == 0
    twice = sum(Counter(to for one in sink.taken for to in addresses(one.rcpt)).values()) - MESSAGES
    database = await open_database(serving.url)
    row = await database.read(lambda tx: tx.one(_DOUBTS))
    await database.close()
    assert row is not None
    assert twice <= row[0], "what may have gone out twice is counted"


def _wants_to_be_told(connection: Connection, reader: str, child: str) -> None:
    """Have `reader` be told outside, as a guardian of `child`, whose school wants it too."""
    numbers = {row.address: row.person_id for row in connection.execute(select(address))}
    school_id = connection.scalar(select(school.c.school_id))
    connection.execute(
        insert(guardian).values(pupil_id=numbers[child], person_id=numbers[reader], link=1, legal=LEGAL_GUARDIAN)
    )
    connection.execute(insert(enrolment).values(person_id=numbers[child], school_id=school_id, mef="", level=""))
    connection.execute(insert(school_setting).values(school_id=school_id, name="outside", value="notify"))
    row = {"person_id": numbers[reader], "address": "home@example.net", "notified_at": 0}
    connection.execute(insert(outside_wish).values(row))


async def test_a_message_for_inside_and_outside_goes_both_ways(start: Start) -> None:
    """And who is told outside of what comes in is told."""
    async with Sink() as sink:
        serving = await asyncio.to_thread(start, queue=settings(sink))
        async with batch_engine(serving.url) as engine, engine.begin() as connection:
            await connection.run_sync(_wants_to_be_told, serving.pupil, serving.teacher)
        await asyncio.to_thread(submit, serving, range(1))
        first, second = await sink.wait(2)
        taken, told = (first, second) if "p0@" in first.rcpt[0] else (second, first)
        assert addresses(told.rcpt) == ["home@example.net"]
        assert b"N0" not in told.data

        def look() -> bytes:
            with serving.imap() as inbox:
                inbox.select("INBOX")
                part = inbox.fetch("1", "(BODY.PEEK[])")[1][0]
            assert isinstance(part, tuple)
            return part[1]

        inside = await asyncio.to_thread(look)
        assert inside.startswith(b"Return-Path: <")
        assert inside.partition(b"\r\n")[2] == taken.data
        message = message_from_bytes(taken.data)
        assert message["Received"].startswith("from [127.0.0.1] (localhost [127.0.0.1])")
        assert await asyncio.to_thread(serving.stop) == 0
        assert serving.noise == []


async def test_who_may_not_write_outside_is_told_so(start: Start) -> None:
    async with Sink() as sink:
        serving = await asyncio.to_thread(start, queue=settings(sink))

        def rcpt(address: str) -> tuple[int, bytes]:
            with serving.smtp() as client:
                client.mail(serving.teacher)
                return client.rcpt(address)

        assert (await asyncio.to_thread(rcpt, "someone@elsewhere.example"))[0] == 250
        assert (await asyncio.to_thread(rcpt, "someone@[192.0.2.1]"))[1].startswith(b"5.1.2 Ce domaine n'existe pas")
        await asyncio.to_thread(
            serving.command.good, "policy", "set", "0000001A", "teacher", "outside", "anyone", "refuse"
        )
        code, text = await asyncio.to_thread(rcpt, "someone@elsewhere.example")
        assert (code, text[:5]) == (550, b"5.7.1")
        await asyncio.to_thread(
            serving.command.good, "policy", "set", "0000001A", "teacher", "outside", "anyone", "moderate"
        )
        assert (await asyncio.to_thread(rcpt, "someone@elsewhere.example"))[0] == 550
