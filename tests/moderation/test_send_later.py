"""Sent later (RFC 4865): nobody has it before its time, everybody once after it, if the policy lets them still."""

from __future__ import annotations

import asyncio
import email
import email.policy
import io
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import msgspec
import pytest
from sqlalchemy import Connection, delete, select, update

from directory.schema import person
from mailgate.accounts import Accounts
from mailgate.config import Queue, Retention, Smtp
from mailgate.database import Database, Statement, open_database
from mailgate.database.batch import batch_engine
from mailgate.delivery.releasing import PATIENCE, PAUSE
from mailgate.delivery.submission import Submission
from mailgate.delivery.waiting import held_of
from mailgate.delivery.whereabouts import seek
from mailgate.delivery.withdrawing import Order, take_back
from mailgate.filtering.chain import Chain
from mailgate.moderation import deciding
from mailgate.moderation import held as table
from mailgate.moderation.deciding import Decider, Moderation, UndeliverableError
from mailgate.moderation.held import HeldMessage, State
from mailgate.moderation.schema import held_content, held_message
from mailgate.policy.limits import change
from mailgate.policy.matrix import Verdict
from mailgate.policy.schema import sending
from mailgate.policy.schools import school_id_of
from mailgate.policy.stops import Wanted, add, lift
from mailgate.queue.schema import queued_message, queued_recipient
from mailgate.retention import leavers
from mailgate.store import MailStore, dispatches
from mailgate.store.messages import joined, read_chunks
from mailgate.store.schema import entry, number
from smtp.handler import Envelope, Peer, Recipient, Sender, SmtpError
from smtp.message import read_header
from tests.end_to_end.school import DOMAIN, PARENTS, members
from tests.moderation.desk import SERVICE, SETTINGS, Desk

READER, OTHER = members(PARENTS)[:2]
TEACHER = members(f"6eme-a.profs@{DOMAIN}")[0]
OUTSIDE = "friend@example.net"
OPEN = msgspec.structs.replace(
    SETTINGS,
    queue=Queue(route="smarthost", smarthost="127.0.0.1:1"),
    smtp=Smtp(send_later_messages=2, send_later_size=5_000),
)
HOUR = 3_600
_INBOX = Statement(
    select(entry.c.message_id).where(entry.c.account_id == number("number"), entry.c.mailbox_id == 1).order_by("uid")
)
_CONTENTS = Statement(select(held_content.c.content_id))
_QUEUED = Statement(
    select(queued_recipient.c.address, queued_message.c.release_request, queued_message.c.accepted_at).join(
        queued_message, queued_message.c.queue_id == queued_recipient.c.queue_id
    )
)
_FORGET = [Statement(delete(one)) for one in (held_message, held_content, sending, queued_recipient, queued_message)]
"""Before each test: they may run in any order, on a database that they share."""


class Later(Desk):
    """A gateway through which mail leaves."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settings = OPEN
        self.submission = Submission(
            self.database, self.store, Accounts(self.database), OPEN, self.moderation, Chain([], "fr")
        )

    async def post(self, *to: str, sender: str = TEACHER, subject: str = "Demain", size: int = 0, seconds: int = HOUR,
                   notify: frozenset[str] = frozenset()) -> HeldMessage:  # fmt: skip
        """Hand a message in that is to be sent in so many seconds. Raises SmtpError."""
        at = int(time.time()) + seconds
        envelope = Envelope(
            Peer("127.0.0.1", 1, "TLSv1.3"), "client", sender, sender=Sender(self.people[sender], sender),
            release_at=at, release_request=f"for;{seconds}", declared_size=size,
        )  # fmt: skip
        await self.submission.mail_from(envelope)
        for one in to:
            recipient = Recipient(one, notify)
            await self.submission.rcpt_to(envelope, recipient)
            envelope.recipients.append(recipient)
        text = (
            f"From: <{sender}>\r\nSubject: {subject}\r\nMessage-ID: <{at}.{subject}@client.example>\r\n\r\nBonjour.\r\n"
        )
        content = io.BytesIO(text.encode())
        answer = await self.submission.deliver(envelope, read_header(content), content)
        assert answer.startswith("Accepted as ")
        [held] = await self.database.read(partial(held_of, dispatch_id=answer.split()[-1]))
        return held

    async def inbox(self, who: str, subject: str) -> list[bytes]:
        """What somebody has of this subject."""
        rows = await self.database.read(lambda tx: tx.all(_INBOX, number=self.people[who]))
        contents = joined(await self.database.read(lambda tx: read_chunks(tx, [row[0] for row in rows])))
        whole = [contents[row[0]] for row in rows]
        parsed = (email.message_from_bytes(one, policy=email.policy.default) for one in whole)
        return [one for one, message in zip(whole, parsed, strict=True) if subject in message["Subject"]]

    async def state(self, held: HeldMessage) -> State:
        return (await self.moderation.find(held.held_id)).state

    async def batch(self, url: str, work: object) -> object:
        async with batch_engine(url) as engine, engine.begin() as connection:
            return await connection.run_sync(work)  # type: ignore[arg-type]


@pytest.fixture
async def desk(academy_url: str) -> AsyncIterator[Later]:
    database = await open_database(academy_url)
    for statement in _FORGET:
        await database.write(partial(_run, statement=statement))
    desk = Later(database)
    await desk.start()
    yield desk
    await database.close()


async def _run(tx: object, statement: Statement) -> None:
    await tx.run(statement)  # type: ignore[attr-defined]


async def contents(database: Database) -> int:
    return len(await database.read(lambda tx: tx.all(_CONTENTS)))


async def test_it_goes_when_its_time_has_come_and_once(desk: Later) -> None:
    held = await desk.post(READER, PARENTS, OUTSIDE, subject="Sortie demain")
    assert (held.state, held.target) == (State.WAITING, f"{READER}, {PARENTS}, {OUTSIDE}")
    assert [one.held_id for one in await desk.database.read(table.waiting)] == [held.held_id]
    [confirmation] = await desk.inbox(TEACHER, "Sera envoyé : Sortie demain")
    assert b"https://mail.example.org/moderation/" in confirmation
    desk.clock.ahead = HOUR - 60
    assert await desk.moderation.look_at_the_clock() == 0
    assert await desk.inbox(READER, "Sortie demain") == []
    desk.clock.ahead = HOUR + 5
    other = Moderation(desk.database, desk.store, SERVICE, desk.clock)
    Submission(desk.database, desk.store, Accounts(desk.database), OPEN, other, Chain([], "fr"))
    done = await asyncio.gather(desk.moderation.look_at_the_clock(), other.look_at_the_clock())
    assert sorted(done) == [0, 1]
    assert await desk.state(held) is State.SENT
    for who in (READER, OTHER):
        [got] = await desk.inbox(who, "Sortie demain")
        assert got.startswith(b"Return-Path: <")
        assert b"\r\nReceived: " in got
    [(address, request, accepted)] = await desk.database.read(lambda tx: tx.all(_QUEUED))
    assert (address, request) == (OUTSIDE, f"for;{HOUR}")
    assert abs(accepted - time.time()) < 60
    assert await contents(desk.database) == 0
    assert await desk.moderation.look_at_the_clock() == 0


async def test_many_that_wait_for_the_same_hour_go_in_one_look(desk: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_AT_ONCE", 1)
    for subject in ("Huit heures", "Huit heures pile"):
        await desk.post(READER, subject=subject)
    desk.clock.ahead = HOUR + 5
    assert await desk.moderation.look_at_the_clock() == 2
    assert len(await desk.inbox(READER, "Huit heures")) == 2


async def test_nobody_lets_it_go_earlier_and_its_writer_takes_it_back(desk: Later) -> None:
    held, by = await desk.post(READER, subject="Repris"), Decider("X", "x")
    with pytest.raises(UndeliverableError, match="its writer wants it"):
        await desk.moderation.approve(held.held_id, by)
    await desk.moderation.cancel(held.held_id, by)
    desk.clock.ahead = 2 * HOUR
    assert await desk.moderation.look_at_the_clock() == 0
    assert await desk.inbox(READER, "Repris") == []
    assert await contents(desk.database) == 0


async def test_a_recall_and_a_purge_find_it(desk: Later) -> None:
    held = await desk.post(READER, subject="Rappel")
    [sent] = await desk.database.read(partial(dispatches.find, name=held.dispatch_id or ""))
    sought = await desk.database.read(partial(seek, dispatch=sent))
    await take_back(desk.database, desk.moderation, sought, Order("recall", TEACHER, name=TEACHER))
    assert await desk.state(held) is State.CANCELLED


async def test_who_may_not_have_it_any_more_does_not_and_its_writer_is_told(desk: Later, academy_url: str) -> None:
    held = await desk.post(READER, OUTSIDE, subject="Refus partiel")
    closed = msgspec.structs.replace(OPEN, queue=Queue())
    Submission(desk.database, desk.store, Accounts(desk.database), closed, desk.moderation, Chain([], "fr"))
    desk.clock.ahead = HOUR + 5
    assert await desk.moderation.look_at_the_clock() == 1
    assert await desk.state(held) is State.SENT
    assert len(await desk.inbox(READER, "Refus partiel")) == 1
    [report] = await desk.inbox(TEACHER, "Non distribué : Refus partiel")
    fields = email.message_from_bytes(report).get_payload(1).as_string()  # type: ignore[union-attr]
    assert f"Future-Release-Request: for;{HOUR}" in fields
    assert "Arrival-Date: " in fields
    assert f"Final-Recipient: rfc822; {OUTSIDE}\nAction: failed\nStatus: 5.7.1" in fields


async def test_a_stop_keeps_all_of_it_back(desk: Later, academy_url: str) -> None:
    held = await desk.post(READER, subject="Pendant un arret")
    await desk.batch(academy_url, partial(_stop, on=True))
    desk.clock.ahead = HOUR + 5
    try:
        assert await desk.moderation.look_at_the_clock() == 1
    finally:
        await desk.batch(academy_url, partial(_stop, on=False))
    assert await desk.state(held) is State.EXPIRED
    assert await desk.inbox(READER, "Pendant un arret") == []
    assert len(await desk.inbox(TEACHER, "Pendant un arret")) == 2
    assert await contents(desk.database) == 0


def _stop(connection: Connection, *, on: bool) -> None:
    if on:
        add(connection, Wanted(verdict=Verdict.REFUSE, ends_at=int(time.time()) + HOUR))
    else:
        lift(connection, None)


def _limit(connection: Connection, *, value: str | None) -> None:
    change(connection, school_id_of(connection, "0131001T"), "relative", "messages_per_hour", value)


async def test_what_must_be_approved_goes_to_its_moderators_then(desk: Later) -> None:
    held = await desk.post(PARENTS, sender=READER, subject="A approuver plus tard")
    assert [one.state for one in await desk.database.read(table.waiting)] == [State.WAITING]
    desk.clock.ahead = HOUR + 5
    await desk.moderation.look_at_the_clock()
    assert await desk.state(held) is State.SENT
    [waits] = await desk.database.read(table.waiting)
    assert (waits.state, waits.kind, waits.target) == (State.HELD, "list", PARENTS)
    assert waits.expires_at > time.time() + HOUR


async def test_who_has_sent_enough_for_this_hour_sends_it_in_the_next(desk: Later, academy_url: str) -> None:
    held = await desk.post(TEACHER, sender=READER, subject="Trop vite")
    desk.clock.ahead = HOUR + 5
    await desk.batch(academy_url, partial(_limit, value="1"))
    try:
        await desk.send(READER, [TEACHER], "Un autre")
        assert await desk.moderation.look_at_the_clock() == 0
        assert await desk.state(held) is State.WAITING
        desk.clock.ahead += PAUSE + 5
        await desk.batch(academy_url, partial(_limit, value=None))
        assert await desk.moderation.look_at_the_clock() == 1
    finally:
        await desk.batch(academy_url, partial(_limit, value=None))
    assert len(await desk.inbox(TEACHER, "Trop vite")) == 1
    late = await desk.post(TEACHER, sender=READER, subject="Jamais")
    await desk.batch(academy_url, partial(_limit, value="1"))
    desk.clock.ahead += PATIENCE + HOUR
    assert await desk.moderation.look_at_the_clock() == 1
    await desk.batch(academy_url, partial(_limit, value=None))
    assert await desk.state(late) is State.EXPIRED


async def test_only_so_much_of_one_person_waits(desk: Later) -> None:
    with pytest.raises(SmtpError, match=r"552 5\.7\.16"):
        await desk.post(READER, size=5_001)
    await desk.post(READER, subject="un")
    await desk.post(READER, subject="deux")
    with pytest.raises(SmtpError, match=r"552 5\.7\.16"):
        await desk.post(READER, subject="trois")


async def test_what_is_for_the_service_is_done_at_once_or_not_at_all(desk: Later) -> None:
    with pytest.raises(SmtpError, match="550"):
        await desk.post(f"rappel@{SETTINGS.directory.domain}")


async def test_a_report_of_success_knows_of_it(desk: Later) -> None:
    await desk.post(READER, subject="Avec avis", notify=frozenset({"SUCCESS"}))
    desk.clock.ahead = HOUR + 5
    await desk.moderation.look_at_the_clock()
    reports = await desk.inbox(TEACHER, "Avec avis")
    assert any(f"Future-Release-Request: for;{HOUR}".encode() in one for one in reports)


async def test_a_commit_that_fails_loses_nothing(desk: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    held = await desk.post(READER, subject="Panne")
    desk.clock.ahead = HOUR + 5

    async def failing(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(MailStore, "deliver_all", failing)
        assert await desk.moderation.look_at_the_clock() == 0
    assert await desk.state(held) is State.SENT  # its time is over, for who asks
    assert await desk.moderation.look_at_the_clock() == 1
    assert len(await desk.inbox(READER, "Panne")) == 1


@pytest.mark.parametrize("returns", [False, True])
async def test_who_leaves_is_told_that_it_is_not_sent_and_who_is_back_sends_it_in_time(
    desk: Later, academy_url: str, *, returns: bool
) -> None:
    held = await desk.post(READER, subject=f"Depart {returns}")
    number = desk.people[TEACHER]

    def turn(state: str) -> Callable[[Connection], object]:
        changed = update(person).where(person.c.person_id == number).values(state=state)
        then = (
            leavers.give_back
            if state == "active"
            else partial(leavers.begin, settings=Retention(), now=int(time.time()))
        )
        return lambda connection: (connection.execute(changed), then(connection))

    await desk.batch(academy_url, turn("left"))
    try:
        if returns:
            await desk.batch(academy_url, turn("active"))
        desk.clock.ahead = 1
        assert await desk.moderation.look_at_the_clock() == (0 if returns else 1)
        assert await desk.state(held) is (State.WAITING if returns else State.EXPIRED)
        reports = await desk.inbox(TEACHER, f"Non distribué : Depart {returns}")
        assert [b"Status: 5.7.1" in one for one in reports] == ([] if returns else [True])
        desk.clock.ahead = HOUR + 5
        assert await desk.moderation.look_at_the_clock() == (1 if returns else 0)
        assert len(await desk.inbox(READER, f"Depart {returns}")) == int(returns)
    finally:
        await desk.batch(academy_url, turn("active"))
