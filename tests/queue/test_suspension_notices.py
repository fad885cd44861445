"""Who manages a list is told once that nothing more is sent to addresses outside of its members."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from directory.list_delegates import LIST, PERSON
from directory.list_schema import list_delegate
from directory.nomenclature import Profile
from directory.schema import address, list_, list_member, person
from mailgate.config import Queue, Settings
from mailgate.policy import schools
from mailgate.policy.audit import audit
from mailgate.queue.outbound import Outbound
from mailgate.queue.suspending import Failure
from mailgate.queue.suspension_notices import HOUR, SuspensionNotices
from mailgate.queue.wishes import choose, outside_wish, resume
from mailgate.store.schema import dispatch_copy
from tests.queue.conftest import PEOPLE, SETTINGS, Desk
from tests.queue.family import SCHOOL, batch
from tests.queue.test_copies import allow, deliver, wish

HEAD, TEACHER, PARENT = 4, 5, 6
STAFF = {HEAD: Profile.MANAGEMENT, TEACHER: Profile.TEACHER, PARENT: Profile.RELATIVE}
APE, DIRECTION = 9, 10
DAY = 86_400
APE_ADDRESS = "ape@clg.ent.example.org"


def founded(connection: Connection) -> None:
    """A head, a teacher and a parent; a list of parents, and the head's office; an audit that is empty."""
    connection.execute(delete(audit))
    for number, profile in STAFF.items():
        mail = f"{profile}.{number}@ent.example.org"
        connection.execute(
            insert(person).values(
                person_id=number, source="test", academy="", source_id=str(number), profile=profile, sdet="",
                sn=mail, given="", title="", display=mail, state="active",
            )
        )  # fmt: skip
        row = {"address": mail, "person_id": number, "is_primary": True, "given_at": datetime.date(2026, 9, 1)}
        connection.execute(insert(address).values({**row, "base": mail, "number": 1}))
    for list_id, kind, audience, text in ((APE, "manual", "", APE_ADDRESS), (DIRECTION, "school", "direction", "d@x")):
        row = {"list_id": list_id, "address": text, "kind": kind, "audience": audience, "school_id": SCHOOL}
        target = SCHOOL if kind == "school" else list_id
        connection.execute(insert(list_).values({**row, "target_id": target, "ref": "", "label": text, "active": True}))
    for list_id, number in ((APE, 1), (APE, 2), (DIRECTION, HEAD)):
        connection.execute(insert(list_member).values(list_id=list_id, person_id=number))


def closed(connection: Connection) -> None:
    for table in (list_delegate, list_member, list_, dispatch_copy, audit):
        connection.execute(delete(table))
    connection.execute(delete(address).where(address.c.person_id.in_(STAFF)))
    connection.execute(delete(person).where(person.c.person_id.in_(STAFF)))
    schools.change(connection, SCHOOL, "language", None)


@pytest.fixture
async def managed(family: Desk, queue_url: str) -> AsyncIterator[Desk]:
    """Copies that the list and others posted are refused; one more, and the addresses of both relatives are
    suspended.
    """
    await batch(queue_url, founded, allow("copy"), wish(1), wish(2))
    await family.store.create_accounts([(number, 0) for number in STAFF])
    yield family
    await batch(queue_url, closed)


def delegate(grantee: str, number: int) -> Callable[[Connection], object]:
    row = {
        "list_id": APE,
        "grantee": grantee,
        "grantee_id": number,
        "role": "manage",
        "actor": "",
        "at": 0,
    }
    return lambda connection: connection.execute(insert(list_delegate).values(row))


async def fail(desk: Desk, url: str, *numbers: int, by_list: int = APE, times: int = 3) -> None:
    """Have copies that went to these people refused for good, each three times."""

    def note(connection: Connection) -> None:
        if not connection.scalar(select(dispatch_copy.c.list_id).where(dispatch_copy.c.list_id == by_list)):
            row = {"dispatch_id": "abc", "list_id": by_list, "message_id": b"x", "accounts": b""}
            connection.execute(insert(dispatch_copy).values(row))

    await batch(url, note)
    await deliver(desk, *numbers)
    [first, *_] = await desk.rows("queue_id")
    for at in range(times):
        failures = [Failure(one, f"home{one}@example.net") for one in numbers]
        queue_id = int(str(first[0])) + at  # that of the message, then of others that are not known any more
        counted = await desk.suspensions.count(queue_id, failures, int(desk.now))
        await desk.store.deliver_all(counted.letters, first=counted.write)


async def look(desk: Desk) -> None:
    await SuspensionNotices(desk.database, desk.store, SETTINGS, lambda: desk.now).look()


async def letters(desk: Desk, number: int) -> list[EmailMessage]:
    return [message_from_bytes(one, _class=EmailMessage, policy=default) for one in await desk.inbox(number)]


async def audited(url: str) -> list[tuple[str, str, str, str]]:
    found: list[tuple[str, str, str, str]] = []
    rows = select(audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail).order_by(audit.c.at, audit.c.subject)
    await batch(url, lambda connection: found.extend(tuple(row) for row in connection.execute(rows)))
    return found


async def test_who_manages_the_list_is_told_once_of_all(managed: Desk, queue_url: str) -> None:
    await batch(
        queue_url, delegate(PERSON, TEACHER), partial(schools.change, school_id=SCHOOL, name="language", value="en")
    )
    await fail(managed, queue_url, 1, 2)
    managed.now += HOUR - 1
    await look(managed)
    assert await letters(managed, TEACHER) == [], "others may follow within the hour"
    managed.now += 1
    await asyncio.gather(look(managed), look(managed))
    await look(managed)
    [letter] = await letters(managed, TEACHER)
    assert letter["Subject"] == "Nothing more is sent to some addresses outside"
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content().replace("\r\n", "\n")
    assert f"the list {APE_ADDRESS} came back too often" in " ".join(text.split())
    assert f"{PEOPLE[1]} <{PEOPLE[1]}>\nBob Roux <{PEOPLE[2]}>" in text
    assert "example.net" not in text, "addresses outside are the affair of their owners"
    assert await letters(managed, HEAD) == []
    rows = await audited(queue_url)
    assert rows[:2] == [
        ("mailgate", "person outside", one, "suspended: too much came back") for one in sorted(PEOPLE.values())
    ]
    assert rows[2:] == [
        ("mailgate", "outside notice", APE_ADDRESS, f"{Profile.TEACHER}.5@ent.example.org told of 2 suspended")
    ]


async def test_a_suspension_after_another_is_told_of(managed: Desk, queue_url: str) -> None:
    await batch(queue_url, delegate(LIST, DIRECTION))
    for at in (1, 2):
        await fail(managed, queue_url, 2)
        managed.now += HOUR
        await look(managed)
        assert len(await letters(managed, HEAD)) == at
        await batch(queue_url, partial(resume, text=PEOPLE[2]))
    await batch(queue_url, partial(choose, text=PEOPLE[2], to=None))
    await look(managed)
    assert len(await letters(managed, HEAD)) == 2


async def test_where_no_staff_manages_the_head_is_told(managed: Desk, queue_url: str) -> None:
    """A parent who manages learns nothing of other households."""
    await batch(queue_url, delegate(PERSON, PARENT))
    await fail(managed, queue_url, 1, 2)
    managed.now += HOUR
    await look(managed)
    [to_head], [to_parent] = await letters(managed, HEAD), await letters(managed, PARENT)
    assert to_head["Subject"] == to_parent["Subject"] == "Plus rien n’est envoyé à certaines adresses extérieures"
    assert f"Bob Roux <{PEOPLE[2]}>" in to_head.get_content()
    text = to_parent.get_content()
    assert APE_ADDRESS in text
    assert "Membres concernés : 2" in text
    assert "Bob" not in text
    assert PEOPLE[2] not in text


async def test_of_what_no_list_posted_the_heads_of_their_schools_are_told(managed: Desk, queue_url: str) -> None:
    await batch(queue_url, delegate(PERSON, TEACHER))
    await fail(managed, queue_url, 2, by_list=0)
    managed.now += HOUR
    await look(managed)
    assert len(await letters(managed, HEAD)) == 1
    assert await letters(managed, TEACHER) == []
    assert (await audited(queue_url))[-1][1:3] == ("outside notice", f"00000{SCHOOL}A")


async def test_who_has_no_head_is_asked_about_once(managed: Desk, queue_url: str) -> None:
    await batch(queue_url, lambda connection: connection.execute(delete(list_member)))
    await fail(managed, queue_url, 2)
    managed.now += HOUR
    await look(managed)
    assert [row[1] for row in await audited(queue_url)] == ["person outside"]
    untold = select(outside_wish.c.person_id).where(outside_wish.c.told_of == int(managed.now) - HOUR)
    found: list[int] = []
    await batch(queue_url, lambda connection: found.extend(connection.scalars(untold)))
    assert found == [2]


async def test_a_gateway_looks_after_it(managed: Desk, queue_url: str) -> None:
    past = int(time.time()) - HOUR
    await batch(queue_url, lambda connection: connection.execute(update(outside_wish).values(suspended_at=past)))
    outbound = Outbound(
        managed.database, managed.store, Settings(queue=Queue(route="smarthost", smarthost="127.0.0.1:1"))
    )
    await outbound.look()
    assert len(await letters(managed, HEAD)) == 1
