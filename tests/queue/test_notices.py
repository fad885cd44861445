"""Relatives are told outside that a message came: when the school and they want it, once an hour, without its words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import Connection, delete, insert, update

from directory.nomenclature import LEGAL_GUARDIAN, Profile
from directory.schema import enrolment, guardian, person, school
from mailgate.config import Directory, Queue, Settings
from mailgate.database.batch import batch_engine
from mailgate.delivery.notices import Notices
from mailgate.policy import schools
from mailgate.queue.listing import QueueError
from mailgate.queue.wishes import choose, chosen, outside_wish
from mailgate.store import Parcel
from tests.queue.conftest import MESSAGE, PEOPLE, Desk, addresses
from tests.support.sink import Sink

SETTINGS = Settings(queue=Queue(route="smarthost", smarthost="127.0.0.1:1"), directory=Directory())
SCHOOL = 77


def _family(connection: Connection) -> None:
    """Bob is a relative of a pupil, alice, of one school."""
    row = {
        "school_id": SCHOOL, "source": "test", "academy": "", "uai": "0000077A", "siren": "", "name": "Collège",
        "kind": "COLLEGE", "school_year": 2026, "active": True,
    }  # fmt: skip
    connection.execute(insert(school).values(row))
    connection.execute(
        update(person).where(person.c.person_id == 2).values(profile=Profile.RELATIVE, display="Bob Roux")
    )
    connection.execute(insert(guardian).values(pupil_id=1, person_id=2, link=1, legal=LEGAL_GUARDIAN))
    connection.execute(insert(enrolment).values(person_id=1, school_id=SCHOOL, mef="", level=""))


def _nobody(connection: Connection) -> None:
    for table in (outside_wish, enrolment, guardian):
        connection.execute(delete(table))
    schools.change(connection, SCHOOL, "outside", None)
    connection.execute(delete(school))
    connection.execute(update(person).where(person.c.person_id == 2).values(profile=Profile.TEACHER))


async def batch(url: str, work: object) -> None:
    async with batch_engine(url) as engine, engine.begin() as connection:
        await connection.run_sync(work)  # type: ignore[arg-type]


@pytest.fixture
async def family(desk: Desk, queue_url: str) -> AsyncIterator[Desk]:
    await batch(queue_url, _family)
    yield desk
    await batch(queue_url, _nobody)


async def deliver(desk: Desk, *to: int) -> None:
    """A message from alice, as submission delivers it."""
    parcels = [Parcel(MESSAGE, frozenset(to))]
    notices = await Notices(desk.database, SETTINGS).parcels(parcels, 1, int(desk.now))
    await desk.store.deliver_all([*parcels, *notices])


async def test_a_word_an_hour_and_not_what_was_written(family: Desk, queue_url: str) -> None:
    await batch(queue_url, lambda connection: choose(connection, PEOPLE[2], "bob@example.net"))
    await deliver(family, 2)
    assert await family.rows("state") == [], "the school does not want it"
    await batch(queue_url, lambda connection: schools.change(connection, SCHOOL, "outside", "notify"))
    async with Sink() as sink:
        await family.worker(family.smarthost(sink.port))
        await deliver(family, 2)
        [taken] = await sink.wait(1)
        assert addresses(taken.rcpt) == ["bob@example.net"]
        assert "NOTIFY=NEVER" in taken.rcpt[0]
        letter = message_from_bytes(taken.data, policy=default)
        assert letter["Subject"] == "Vous avez un message dans la messagerie de l’établissement"
        assert letter["To"] == "undisclosed-recipients:;"
        assert letter["Auto-Submitted"] == "auto-generated"
        assert "un message de alice@ent.example.org" in letter.get_content()
        assert "Voyage" not in taken.data.decode()
        assert "Bonjour" not in letter.get_content()
        await deliver(family, 2)
        await deliver(family, 1)
        family.now += 3_599
        await deliver(family, 2)
        assert len(await family.rows("state")) == 1
        family.now += 1
        await asyncio.gather(deliver(family, 2), deliver(family, 2))
        await sink.wait(2)
        assert len(await family.rows("state")) == 2
        await batch(queue_url, lambda connection: choose(connection, PEOPLE[2], None))
        family.now += 3_600
        await deliver(family, 2)
        assert len(await family.rows("state")) == 2
    assert len(await family.inbox(2)) == 7


async def test_where_nothing_leaves_nobody_is_told(family: Desk, queue_url: str) -> None:
    await batch(queue_url, lambda connection: choose(connection, PEOPLE[2], "bob@example.net"))
    await batch(queue_url, lambda connection: schools.change(connection, SCHOOL, "outside", "notify"))
    parcels = [Parcel(MESSAGE, frozenset({2}))]
    assert await Notices(family.database, Settings()).parcels(parcels, 1, 0) == []
    notice = [Parcel(MESSAGE, frozenset({2}), list_id=None)]
    assert await Notices(family.database, SETTINGS).parcels(notice, 1, int(family.now)) == []


async def test_only_relatives_choose(family: Desk, queue_url: str) -> None:
    def work(connection: Connection) -> None:
        with pytest.raises(QueueError, match="no relative"):
            choose(connection, PEOPLE[1], "a@example.net")
        with pytest.raises(QueueError, match="nobody has"):
            choose(connection, "who@ent.example.org", "a@example.net")
        for wrong in ("no address", "a@b.example, c@d.example", ""):
            with pytest.raises(QueueError, match="no address"):
                choose(connection, PEOPLE[2], wrong)
        assert chosen(connection, PEOPLE[2]).to is None
        choose(connection, PEOPLE[2], "bob@example.net")
        assert chosen(connection, PEOPLE[2]).to == "bob@example.net"

    await batch(queue_url, work)
