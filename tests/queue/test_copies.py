"""Copies that relatives have sent to addresses outside: who gets one, and what it looks like."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.message import Message
from email.policy import default
from functools import partial

import pytest
from sqlalchemy import Connection, func, select

from mailgate.config import Mx, Settings
from mailgate.database import Statement
from mailgate.delivery.notices import Notices
from mailgate.moderation.tokens import load_key
from mailgate.policy import schools
from mailgate.queue import withdrawing
from mailgate.queue.leaving import outward_of
from mailgate.queue.listing import QueueError
from mailgate.queue.reverse_paths import reverse_path
from mailgate.queue.schedule import Priority
from mailgate.queue.schema import queued_message, queued_recipient
from mailgate.queue.stop_addresses import stop_address
from mailgate.queue.wishes import Mode, WishView, change_mode, choose
from mailgate.store import Dispatch, Parcel
from mailgate.store.collector import collect
from mailgate.store.schema import message
from tests.queue.conftest import PEOPLE, SETTINGS, Desk, addresses
from tests.queue.family import OTHER_SCHOOL, SCHOOL, batch, enrol
from tests.support.sink import Sink, Taken

SENT = Dispatch("abc", 1, 1, PEOPLE[1], "<one@client.example>", 0)
BODY = (
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b"Voyage d\xc3\xa9cal\xc3\xa9 \r\n"
    b"--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nxyz\r\n--b--\r\n"
)
POSTED = (
    b"Return-Path: <alice@ent.example.org>\r\nReceived: by gate.example.org; now\r\n"
    b'From: "Alice" <alice@ent.example.org>\r\nTo: parents.6a@ent.example.org\r\nSubject: Voyage\r\n'
    b"Message-ID: <one@client.example>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b\r\n'
    b'List-Id: "Parents de 6A" <parents.6a.ent.example.org>\r\nList-Post: <mailto:parents.6a@ent.example.org>\r\n'
    b"List-Unsubscribe: <mailto:leave+parents.6a@ent.example.org?subject=unsubscribe>\r\nPrecedence: list\r\n"
    b"X-Loop: parents.6a@ent.example.org\r\n\r\n"
) + BODY
_MESSAGES = Statement(select(func.count()).select_from(message))
_QUEUED = Statement(select(func.count()).select_from(queued_message))
_NAMED = Statement(
    select(queued_recipient.c.queue_id, queued_recipient.c.person_id).order_by(queued_recipient.c.number)
)


def allow(value: str, school_id: int = SCHOOL) -> partial[None]:
    return partial(schools.change, school_id=school_id, name="outside", value=value)


def wish(number: int, mode: Mode = Mode.COPY) -> partial[WishView]:
    return partial(choose, text=PEOPLE[number], to=f"home{number}@example.net", mode=mode)


async def deliver(
    desk: Desk, *to: int, content: bytes = POSTED, list_id: int | None = 9, sent: Dispatch = SENT
) -> None:
    """A message, as submission delivers it."""
    parcels = [Parcel(content, frozenset(to), list_id=list_id)]
    found = await Notices(desk.database, SETTINGS).joined(parcels, sent, int(desk.now))
    await desk.store.deliver_all(found)


async def number(desk: Desk, statement: Statement) -> int:
    [row] = await desk.database.read(lambda tx: tx.all(statement))
    return int(row[0])


def check(taken: Taken) -> None:
    header, _, body = taken.data.partition(b"\r\n\r\n")
    assert body == BODY, "signed parts are as they were signed"
    fields = header.split(b"\r\n")
    assert b'From: "Alice" <alice@ent.example.org>' in fields
    assert b"X-Loop: bounces@ent.example.org" in fields
    assert b"List-Post: <mailto:parents.6a@ent.example.org>" in fields
    for name in (b"Return-Path", b"List-Unsubscribe", b"Resent-", b"Sender", b"Reply-To"):
        assert not any(field.startswith(name) for field in fields)
    assert b"home" not in header, "nobody sees where others have theirs sent"
    assert b"bob@" not in header


async def test_each_has_a_copy_from_a_reverse_path_of_its_own(family: Desk, queue_url: str) -> None:
    await batch(queue_url, allow("copy"), wish(1), wish(2))
    async with Sink() as sink:
        await family.worker(family.smarthost(sink.port))
        await deliver(family, 1, 2)
        taken = sorted(await sink.wait(2), key=lambda one: one.rcpt[0])
        for one in taken:
            check(one)
            size = next(int(word[5:]) for word in one.mail.split() if word.startswith("SIZE="))
            assert size == len(one.data)
            assert "RET=HDRS" in one.mail
            assert one.rcpt[0].endswith("NOTIFY=FAILURE")
        assert [addresses(one.rcpt) for one in taken] == [["home1@example.net"], ["home2@example.net"]]
        key = await load_key(family.database)
        rows = await family.database.read(lambda tx: tx.all(_NAMED))
        paths = [reverse_path(key, "ent.example.org", person_id, queue_id) for queue_id, person_id in rows]
        assert [addresses([one.mail]) for one in taken] == [[path] for path in paths]
        assert len(paths[0].partition("@")[0]) <= 64
    assert await family.rows("priority") == [(Priority.BULK,)] * 2
    assert await number(family, _QUEUED) == 1, "one message, all recipients"
    assert await number(family, _MESSAGES) == 1, "one content"
    assert await family.inbox(2) == [POSTED]


async def test_a_copy_says_where_its_owner_ends_that(family: Desk, queue_url: str) -> None:
    family.settings = Settings(queue=SETTINGS.queue, mx=Mx(listen=("127.0.0.1:0",)))
    plain = b'From: "Alice" <alice@ent.example.org>\r\nSubject: Voyage\r\nContent-Type: text/html\r\n\r\n<p>Bonjour\r\n'
    await batch(queue_url, allow("copy"), wish(1), wish(2, Mode.NOTIFICATION))
    async with Sink() as sink:
        await family.worker(family.smarthost(sink.port))
        await deliver(family, 1, 2, content=plain)
        taken = sorted(await sink.wait(2), key=lambda one: one.rcpt[0])
        key = await load_key(family.database)
        for number_, one in enumerate(taken, 1):
            address = stop_address(key, "ent.example.org", number_, f"home{number_}@example.net")
            letter = message_from_bytes(one.data, policy=default)
            assert letter["List-Unsubscribe"] == f"<mailto:{address}?subject=stop>"
            texts = [part.get_content() for part in letter.walk() if not part.is_multipart()]
            assert address in texts[-1]
            assert f"SIZE={len(one.data)}" in one.mail.split()
            assert not letter.defects
    assert [letter.get_content_type() for letter in letters_of(taken)] == ["multipart/mixed", "text/plain"]


def letters_of(taken: list[Taken]) -> list[Message]:
    return [message_from_bytes(one.data) for one in taken]


async def test_a_wish_for_a_copy_gives_a_word_where_not_every_school_lets_copies_out(
    family: Desk, queue_url: str
) -> None:
    await batch(queue_url, allow("copy"), partial(enrol, school_id=OTHER_SCHOOL), wish(2))
    await deliver(family, 2)
    await batch(queue_url, allow("copy", OTHER_SCHOOL))
    await deliver(family, 2, list_id=0)
    await batch(queue_url, allow("notify"), allow("none", OTHER_SCHOOL))
    family.now += 3_600
    await deliver(family, 2)
    await batch(queue_url, allow("none"))
    family.now += 3_600
    await deliver(family, 2)
    await batch(queue_url, allow("copy"), allow("copy", OTHER_SCHOOL), wish(2, Mode.NOTIFICATION))
    await deliver(family, 2)
    async with Sink() as sink:
        await family.worker(family.smarthost(sink.port))
        taken = await sink.wait(4)
        assert sorted(b"Subject: Voyage" in one.data for one in taken) == [False, False, False, True]
    assert len(await family.inbox(2)) == 5


@pytest.mark.parametrize(
    "field", [b"Auto-Submitted: auto-replied\r\n", b"X-Loop: bounces@ent.example.org\r\n"], ids=["reply", "loop"]
)
async def test_answers_of_programs_and_what_came_back_stay_inside(family: Desk, queue_url: str, field: bytes) -> None:
    await batch(queue_url, allow("copy"), wish(2), wish(1, Mode.NOTIFICATION))
    await deliver(family, 1, 2, content=field + POSTED)
    assert await family.rows("state") == []


async def test_what_is_taken_back_does_not_leave_and_nobody_learns_where_to(family: Desk, queue_url: str) -> None:
    await batch(queue_url, allow("copy"), wish(1), wish(2, Mode.NOTIFICATION))
    await deliver(family, 1, 2)
    assert await family.rows("state") == [("waiting",)] * 2
    assert await family.database.read(partial(withdrawing.outside_of, dispatch_id="abc")) == []
    now = int(family.now)
    other = partial(withdrawing.take_back_copies, dispatch_id="abc", contents=[b"x"], now=now)
    assert await family.database.write(other) == 0
    assert await family.database.write(partial(withdrawing.take_back, dispatch_id="abc", now=now)) == 2
    assert await family.rows("state") == [("deleted",)] * 2
    assert await collect(family.database, now=4_000_000_000_000) == 1, "the word; who has the message still has it"


async def test_a_copy_of_one_list_is_taken_back_with_it(family: Desk, queue_url: str) -> None:
    await batch(queue_url, allow("copy"), wish(1))
    await deliver(family, 1)
    [row] = await family.database.read(lambda tx: tx.all(Statement(select(queued_message.c.content_id))))
    of_list = partial(withdrawing.take_back_copies, dispatch_id="abc", contents=[row[0]], now=int(family.now))
    assert await family.database.write(of_list) == 1


async def test_an_address_of_ours_is_nowhere_outside(family: Desk, queue_url: str) -> None:
    def work(connection: Connection) -> None:
        with pytest.raises(QueueError, match="of ours"):
            choose(connection, PEOPLE[2], "alice@ent.example.org", Mode.COPY, SETTINGS.directory.holds)
        with pytest.raises(QueueError, match="no address outside"):
            change_mode(connection, PEOPLE[2], Mode.COPY)
        choose(connection, PEOPLE[2], "alice@sub.ent.example.org", Mode.COPY)
        choose(connection, PEOPLE[1], "bob@ent.example.org")

    await batch(queue_url, allow("copy"), work)
    await deliver(family, 1, 2)
    assert await family.rows("state") == []


async def test_two_with_one_address_have_one_copy(family: Desk, queue_url: str) -> None:
    await batch(
        queue_url,
        allow("copy"),
        *(partial(choose, text=PEOPLE[n], to="us@example.net", mode=Mode.COPY) for n in (1, 2)),
    )
    await deliver(family, 1, 2)
    assert await family.rows("address", "person_id") == [("us@example.net", 1)]


async def test_a_message_of_several_pieces_leaves_whole(family: Desk, queue_url: str) -> None:
    await batch(queue_url, allow("copy"), wish(1))
    long = POSTED.replace(b"xyz", b"x" * 70 + (b"\r\n" + b"y" * 70) * 10_000)
    async with Sink() as sink:
        await family.worker(family.smarthost(sink.port))
        await deliver(family, 1, content=long)
        [taken] = await sink.wait(1)
        assert taken.data.partition(b"\r\n\r\n")[2] == long.partition(b"\r\n\r\n")[2]


def test_an_author_who_is_not_of_ours_writes_by_way_of_the_list() -> None:
    outward = outward_of(SETTINGS)
    author = b"=?utf-8?q?Zo=C3=A9?= <zoe@example.com>"
    foreign = POSTED.replace(b'"Alice" <alice@ent.example.org>', author)
    header = foreign.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    fields = outward.header(header).split(b"\r\n")
    assert b"From: =?utf-8?q?Zo=C3=A9?= via Parents de 6A <noreply@ent.example.org>" in fields
    assert b"Reply-To: " + author in fields
    assert sum(field.startswith(b"From:") for field in fields) == 1
    answered = outward.header(b"Reply-To: <list@ent.example.org>\r\n" + header)
    assert answered.count(b"Reply-To:") == 1
    strange = outward.header(b"From: x@example.com\r\nList-Id: Fake <a.example.com>\r\n\r\n")
    assert b"via La messagerie" not in strange
    assert b"Fake <a.example.com>" in strange
    assert b"noreply@ent.example.org" in strange
    assert b"via Fake" not in strange
    assert outward.header(b"\r\n") == b"X-Loop: bounces@ent.example.org\r\n\r\n"


async def test_copies_are_bulk_only_where_a_list_posts(family: Desk, queue_url: str) -> None:
    await batch(queue_url, allow("copy"), wish(1))
    await asyncio.gather(deliver(family, 1, list_id=0), deliver(family, 1, list_id=None))
    assert await family.rows("priority") == [(Priority.PERSONAL,)]
