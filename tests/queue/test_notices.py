"""Relatives are told outside that a message came: when the school and they want it, once an hour, without its words."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import Connection, update

from directory.nomenclature import Profile
from directory.schema import person
from mailgate.config import Directory, Queue, Settings
from mailgate.delivery.notices import Notices
from mailgate.policy import schools
from mailgate.queue.listing import QueueError
from mailgate.queue.wishes import choose, chosen
from mailgate.store import Dispatch, Parcel
from tests.queue.conftest import MESSAGE, PEOPLE, Desk, addresses
from tests.queue.family import SCHOOL, batch
from tests.support.sink import Sink

SETTINGS = Settings(queue=Queue(route="smarthost", smarthost="127.0.0.1:1"), directory=Directory())
SENT = Dispatch("abc", 1, 1, PEOPLE[1], "<one@client.example>", 0)


async def deliver(desk: Desk, *to: int) -> None:
    """A message from alice, as submission delivers it."""
    parcels = [Parcel(MESSAGE, frozenset(to))]
    found = await Notices(desk.database, SETTINGS).joined(parcels, SENT, int(desk.now))
    await desk.store.deliver_all(found)


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
        assert "NOTIFY=FAILURE" in taken.rcpt[0]
        letter = message_from_bytes(taken.data, policy=default)
        assert letter["Subject"] == "Vous avez un message dans la messagerie de l’établissement"
        assert letter["To"] == "undisclosed-recipients:;"
        assert letter["Auto-Submitted"] == "auto-generated"
        assert "un message de alice@ent.example.org" in letter.get_content()
        assert "dites-le à l’établissement." in letter.get_content(), "nothing comes in: nothing can be sent back"
        assert "tell the school." in letter.get_content()
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
    assert await Notices(family.database, Settings()).joined(parcels, SENT, 0) == parcels
    notice = [Parcel(MESSAGE, frozenset({2}), list_id=None)]
    assert await Notices(family.database, SETTINGS).joined(notice, SENT, int(family.now)) == notice


async def test_only_relatives_choose(family: Desk, queue_url: str) -> None:
    def work(connection: Connection) -> None:
        connection.execute(update(person).where(person.c.person_id == 1).values(profile=Profile.TEACHER))
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
