"""A message of the queue is handed over to a smarthost, once, and what the other side says decides the rest."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.policy import default
from functools import partial

from mailgate.policy import schools
from mailgate.queue.enqueue import OutsideRecipient
from mailgate.store.collector import collect
from tests.queue.conftest import MESSAGE, PEOPLE, Desk, addresses
from tests.queue.family import SCHOOL, batch
from tests.support.sink import Sink


async def test_a_message_leaves_as_it_is(desk: Desk) -> None:
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net", "autre@example.net")
        [taken] = await sink.wait(1)
        await desk.until("state", is_=[("sent",), ("sent",)])
    assert taken.data == MESSAGE
    assert taken.mail.startswith(f"FROM:<{PEOPLE[1]}> SIZE=")
    assert addresses(taken.rcpt) == ["parent@example.net", "autre@example.net"]
    assert await desk.rows("code", "status", "attempts", "doubts") == [(250, "2.6.0", 1, 0)] * 2


async def test_each_domain_has_a_transaction_of_its_own(desk: Desk) -> None:
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("a@example.net", "b@EXAMPLE.org", "c@example.net")
        taken = await sink.wait(2)
    assert sorted(sorted(addresses(one.rcpt)) for one in taken) == [
        ["a@example.net", "c@example.net"],
        ["b@EXAMPLE.org"],
    ]


async def test_what_waits_when_a_process_begins_is_sent(desk: Desk) -> None:
    await desk.put("parent@example.net")
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port))
        await sink.wait(1)


async def test_a_refusal_is_returned_once_in_french(desk: Desk) -> None:
    def script(verb: str, rest: str) -> str | None:
        return "550 5.1.1 no such user" if verb == "RCPT" and "absent" in rest else None

    async with Sink(script) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("absent@example.net", "parent@example.net")
        [taken] = await sink.wait(1)
        await desk.until("state", is_=[("failed",), ("sent",)])
    assert addresses(taken.rcpt) == ["parent@example.net"]
    [content] = await desk.inbox()
    report = message_from_bytes(content, policy=default)
    assert report["Return-Path"] == "<>"
    assert report["Subject"] == "Non distribué : Voyage"
    assert report["In-Reply-To"] == "<one@client.example>"
    assert report["Auto-Submitted"] == "auto-replied"
    words, status, header = report.iter_parts()
    assert "absent@example.net\n  Cette adresse n’y existe pas." in words.get_content()
    of_message, of_one = status.iter_parts()
    assert of_message["Reporting-MTA"] == "dns; gate.example.org"
    assert of_one["Final-Recipient"] == "rfc822; absent@example.net"
    assert of_one["Action"] == "failed"
    assert of_one["Status"] == "5.1.1"
    assert of_one["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user"
    assert "Subject: Voyage" in header.get_content()


async def test_reports_are_in_the_language_of_the_writers_school(family: Desk, queue_url: str) -> None:
    def script(verb: str, rest: str) -> str | None:
        refusals = {"full": "552 5.2.2 quota", "slow": "451 4.7.1 later"}
        return next((text for name, text in refusals.items() if verb == "RCPT" and name in rest), None)

    language = partial(schools.change, school_id=SCHOOL, name="language")
    await batch(queue_url, partial(language, value="en"))
    async with Sink(script, ("8BITMIME",)) as sink:
        await family.worker(family.smarthost(sink.port))
        told = frozenset({"SUCCESS"})
        await family.put("full@example.net", "slow@example.net", OutsideRecipient("parent@example.net", told))
        await family.until("state", is_=[("failed",), ("waiting",), ("sent",)])
    family.now += family.schedule.notice
    await family.clock().look()
    reports = [message_from_bytes(one, policy=default) for one in await family.inbox()]
    words = {one["Subject"]: next(one.iter_parts()).get_content() for one in reports}
    await batch(queue_url, partial(language, value=None))
    assert words.keys() == {"Not delivered: Voyage", "Passed on: Voyage", "Still waiting: Voyage"}
    assert (
        "full@example.net\n  This mailbox is full.\n  The answer of 127.0.0.1: quota" in words["Not delivered: Voyage"]
    )
    assert "for:\n\nparent@example.net" in words["Passed on: Voyage"]
    assert "It is tried again by itself for 4 days" in words["Still waiting: Voyage"]


async def test_nobody_is_told_who_did_not_want_it(desk: Desk) -> None:
    async with Sink(lambda verb, _: "550 5.7.1 no" if verb == "MAIL" else None) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put(OutsideRecipient("a@example.net", frozenset({"NEVER"})))
        await desk.put("b@example.net", mail_from="")
        await desk.until("state", is_=[("failed",), ("failed",)])
    assert await desk.inbox() == []


async def test_parameters_of_dsn_are_passed_on(desk: Desk) -> None:
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port))
        to = OutsideRecipient("a@example.net", frozenset({"SUCCESS", "FAILURE"}), "rfc822;a+b=c@example.net")
        await desk.put(to, ret="HDRS", envelope_id="id 1+2")
        [taken] = await sink.wait(1)
        await desk.until("state", is_=[("sent",)])
    assert taken.mail.endswith(" RET=HDRS ENVID=id+201+2B2")
    assert taken.rcpt == ["TO:<a@example.net> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;a+2Bb+3Dc@example.net"]
    assert await desk.inbox() == []


async def test_a_server_without_dsn_is_reported_as_the_last_that_reports(desk: Desk) -> None:
    async with Sink(extensions=("8BITMIME",)) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put(OutsideRecipient("a@example.net", frozenset({"SUCCESS"})), "b@example.net", ret="FULL")
        [taken] = await sink.wait(1)
        await desk.until("state", is_=[("sent",), ("sent",)])
    assert taken.mail == f"FROM:<{PEOPLE[1]}>"
    [content] = await desk.inbox()
    assert b"Action: relayed" in content
    assert b"b@example.net" not in content


async def test_a_temporary_refusal_is_tried_again_by_the_schedule(desk: Desk) -> None:
    again = False

    def script(verb: str, _: str) -> str | None:
        return None if again or verb != "RCPT" else "451 4.7.1 greylisted"

    async with Sink(script) as sink:
        worker = await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await desk.until("attempts", "state", is_=[(1, "waiting")])
        [(due, answer, code)] = await desk.rows("due_at", "answer", "code")
        assert isinstance(due, int)
        assert 240 <= due - desk.now <= 360
        assert (answer, code) == ("greylisted", 451)
        again = True
        desk.now = due
        worker.look()
        await sink.wait(1)
        await desk.until("attempts", "state", is_=[(2, "sent")])
    assert await desk.inbox() == []


async def test_a_server_that_takes_few_recipients_gets_the_rest_at_once(desk: Desk) -> None:
    accepted = 0

    def script(verb: str, _: str) -> str | None:
        nonlocal accepted
        accepted = 0 if verb == "MAIL" else accepted + (verb == "RCPT")
        return "452 4.5.3 too many" if verb == "RCPT" and accepted > 2 else None

    async with Sink(script) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put(*(f"p{number}@example.net" for number in range(5)))
        taken = await sink.wait(3)
        await desk.until("state", is_=[("sent",)] * 5)
    assert [len(one.rcpt) for one in taken] == [2, 2, 1]


async def test_a_lost_answer_is_doubtful_and_tried_again(desk: Desk) -> None:
    """RFC 5321 section 4.5.3.2.6: twice is better than never; it is counted."""
    async with Sink(lambda verb, _: "" if verb == "." else None) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net")
        await desk.until("attempts", "doubts", "state", is_=[(1, 1, "waiting")])


async def test_the_content_goes_when_the_last_recipient_is_done(desk: Desk) -> None:
    async with Sink(lambda verb, rest: "451 later" if verb == "RCPT" and "slow" in rest else None) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("fast@example.net", "slow@example.net")
        await desk.until("state", is_=[("sent",), ("waiting",)])
        far = 2_000_000_000_000
        assert await collect(desk.database, now=far) == 0
        sink.script = lambda _verb, _rest: None
        desk.now += 1_000
        worker = await desk.worker(desk.smarthost(sink.port))
        worker.look()
        await desk.until("state", is_=[("sent",), ("sent",)])
        assert await collect(desk.database, now=far) == 1


async def test_a_large_message_is_streamed_whole(desk: Desk) -> None:
    lines = b"".join(b"%d .\r\n.\r\n" % number for number in range(150_000))
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net", content=b"Subject: gros\r\n\r\n" + lines)
        [taken] = await sink.wait(1)
    assert taken.data == b"Subject: gros\r\n\r\n" + lines


async def test_a_reply_goes_before_a_list(desk: Desk) -> None:
    gate = asyncio.Event()

    async def script(verb: str, _: str) -> str | None:
        if verb == "CONNECT":
            await gate.wait()
        return None

    async with Sink(script) as sink:
        for number in range(3):
            await desk.put(f"list{number}@example.net", priority=2)
        await desk.put("reply@example.net", priority=0)
        await desk.worker(desk.smarthost(sink.port), per_lane=1)
        gate.set()
        taken = await sink.wait(4)
    assert addresses(taken[0].rcpt) == ["reply@example.net"]
