"""What time does to what waits: a notice after four hours, the end after four days, forgetting after a month."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

from mailgate.queue.enqueue import OutsideRecipient
from tests.queue.conftest import Desk
from tests.support.sink import Sink

HOUR, DAY = 3_600, 86_400


async def test_the_writer_is_told_once_that_it_waits_and_then_that_it_failed(desk: Desk) -> None:
    clock = desk.clock()
    async with Sink(lambda verb, _: "451 4.7.1 later" if verb == "RCPT" else None) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await desk.until("attempts", is_=[(1,)])
    desk.now += 4 * HOUR - 1
    assert await clock.look() == 0
    desk.now += 1
    assert await clock.look() == 1
    assert await clock.look() == 0
    [content] = await desk.inbox()
    delayed = message_from_bytes(content, policy=default)
    assert delayed["Subject"] == "En attente : Voyage"
    status = list(delayed.iter_parts())[1].as_string()
    assert "Action: delayed" in status
    assert "Status: 4.7.1" in status
    assert "Will-Retry-Until:" in status
    desk.now += 4 * DAY
    assert await clock.look() == 1
    assert await clock.look() == 0
    failed = message_from_bytes((await desk.inbox())[1], policy=default)
    assert failed["Subject"] == "Non distribué : Voyage"
    assert "Pendant 4 jours" in next(failed.iter_parts()).get_content()
    assert await desk.rows("state") == [("failed",)]


async def test_who_did_not_ask_for_notices_of_delay_gets_none(desk: Desk) -> None:
    await desk.put(OutsideRecipient("a@example.net", frozenset({"FAILURE"})), "b@example.net", mail_from="")
    desk.now += 5 * HOUR
    assert await desk.clock().look() == 1
    assert await desk.inbox() == []


async def test_what_left_is_known_for_a_month(desk: Desk) -> None:
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await desk.until("state", is_=[("sent",)])
    desk.now += 30 * DAY
    await desk.clock().forget()
    assert await desk.rows("state") == [("sent",)]
    desk.now += 1
    await desk.clock().forget()
    assert await desk.rows("state") == []
