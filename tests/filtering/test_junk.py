"""Junk from outside: in the Junk mailbox of people, before the moderators of lists, and nowhere outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import SMTP
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from mailgate import config, shared_mailboxes
from mailgate.database import open_database
from mailgate.delivery.notices import Notices
from mailgate.moderation.deciding import Decider, Moderation
from mailgate.moderation.links import Service
from mailgate.moderation.schema import held_message
from mailgate.policy.matrix import Verdict
from mailgate.queue.schema import queued_recipient
from mailgate.queue.wishes import Mode, choose
from mailgate.store import MailStore
from mailgate.store.schema import mailbox, shared_account
from tests.cli.command import Command, describe
from tests.filtering.gate import COLLEGE, DOMAIN, PUPIL, TEACHER, Gate, gate, person
from tests.incoming.conftest import note
from tests.policy.academy import accounts, lists
from tests.support.rspamd import RspamdServer

MARK = b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=7.00 required=15.00 tests=HEAVY\r\n"
PARENTS = f"6eme-a.parents@{DOMAIN}"
MEMBER = next(one for one in accounts().values() if one.number in lists()[PARENTS]["members"])


@pytest.fixture
async def door(academy_url: str, tmp_path: Path, rspamd: RspamdServer) -> AsyncIterator[Gate]:
    """With an rspamd that takes messages with the Subject "heavy" for junk."""
    async with gate(academy_url, tmp_path, config.Filters(rspamd=config.RspamdFilter(url=rspamd.url))) as made:
        yield made


async def test_junk_is_in_the_junk_mailbox_unread_and_says_why(door: Gate, tmp_path: Path) -> None:
    said = await door.send(TEACHER, content=note("heavy", extra="X-Spam-Flag: NO\r\nX-Spam-Level: *\r\n"))
    assert said.startswith("250 2.0.0 Delivered as ")
    assert await door.mailbox(TEACHER, "INBOX", "heavy") == []
    [(about, message)] = await door.mailbox(TEACHER, "Junk", "heavy")
    assert b"\\Seen" not in about
    assert message.startswith(b"Return-Path: <ami@elsewhere.example>\r\n")
    assert MARK in message
    assert message.count(b"X-Spam-") == 2
    assert message.index(MARK) < message.index(b"Received: ")
    command = Command(tmp_path)
    command.use(describe({"database": {"url": door.url}}))
    named = said.rpartition(" ")[2]
    shown = await asyncio.to_thread(command.good, "purge", named, "--dry-run", "--json")
    [copy] = shown.json["copies"]
    assert (copy["mailbox"], copy["how"]) == ("Junk", "received")


async def test_junk_for_a_list_waits_for_somebody_to_look_at_it(door: Gate) -> None:
    """Nobody on the list has it meanwhile, not even in Junk; who approves it says that it is none."""
    await door.cell(COLLEGE, "class.parents", Verdict.ALLOW)
    said = await door.send(TEACHER, PARENTS, content=note("heavy", extra="Message-ID: <list@x.example>\r\n"))
    assert said.startswith("250 2.0.0 Accepted as ")
    assert len([one for _, one in await door.mailbox(TEACHER, "Junk", "heavy") if b"<list@x.example>" in one]) == 1
    assert await door.mailbox(MEMBER.address, "INBOX", "heavy") == []
    assert await door.mailbox(MEMBER.address, "Junk", "heavy") == []
    [held] = await door.batch(lambda connection: connection.execute(select(held_message)).all())
    assert (held.reason, held.target, held.state) == ("junk", PARENTS, "held")
    [(_, notice), *_] = await door.mailbox(person("management").address, "INBOX", "approuver")
    body = message_from_bytes(notice, policy=SMTP).get_body(("plain",))
    assert body is not None
    assert "Attention : Ce message ressemble à un message indésirable." in body.get_content().replace("\xa0", " ")
    await approve(door, held.held_id)
    [(_, message)] = await door.mailbox(MEMBER.address, "INBOX", "heavy")
    assert b"X-Spam-" not in message
    assert b"List-Id: " in message
    assert await door.mailbox(MEMBER.address, "Junk", "heavy") == []


async def approve(door: Gate, held_id: int) -> None:
    """As a moderator does."""
    database = await open_database(door.url)
    service = Service("ent.example.org", "mx.ent.example.org", "")
    desk = Moderation(database, MailStore(database), service, notices=Notices(database, door.settings))
    await desk.approve(held_id, Decider("Le principal", "principal"))
    await database.close()


async def test_what_waits_anyway_tells_its_moderators_that_it_looks_like_junk(door: Gate) -> None:
    await door.cell(COLLEGE, "pupil", Verdict.MODERATE)
    assert (await door.send(PUPIL, content=note("heavy"))).startswith("250 2.0.0 Accepted as ")
    rows = await door.batch(lambda connection: connection.execute(select(held_message)).all())
    assert [one.reason for one in rows if one.target == PUPIL] == ["junk"]
    assert await door.mailbox(PUPIL, "Junk", "heavy") == []


async def test_junk_goes_nowhere_outside(door: Gate) -> None:
    await door.cell(COLLEGE, "relative", Verdict.ALLOW)
    await door.school(COLLEGE, "outside", "copy")
    parent = person("relative").address
    await door.batch(lambda connection: choose(connection, parent, "home@example.net", Mode.COPY))

    def outside() -> object:
        return door.batch(lambda connection: connection.scalars(select(queued_recipient.c.address)).all())

    assert (await door.send(parent, content=note("heavy"))).startswith("250 ")
    assert await outside() == []  # type: ignore[misc]
    assert (await door.send(parent, content=note("Sortie"))).startswith("250 ")
    assert await outside() == ["home@example.net"]  # type: ignore[misc]
    await door.batch(lambda connection: choose(connection, parent, None))


async def test_an_office_has_junk_in_its_own_junk_mailbox(door: Gate) -> None:
    await door.batch(partial(shared_mailboxes.create, name="postmaster", wanted="postmaster@ent.example.org", quota=0))
    assert (await door.send("postmaster", content=note("heavy"))).startswith("250 2.0.0 Delivered as ")
    held = await door.batch(
        lambda connection: connection.execute(
            select(mailbox.c.name, mailbox.c.messages, mailbox.c.unseen)
            .join(shared_account, shared_account.c.account_id == mailbox.c.account_id)
            .where(shared_account.c.name == "postmaster", mailbox.c.messages > 0)
        ).all()
    )
    assert [tuple(row) for row in held] == [("Junk", 1, 1)]
