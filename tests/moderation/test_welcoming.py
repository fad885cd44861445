"""The welcome text of a list: who gets it, once, and what stands in it."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from functools import partial

import pytest
from sqlalchemy import Connection, delete, insert

from directory import list_adjustments, list_definitions
from directory.list_adjustments import find_person
from directory.list_definitions import Author, find
from directory.list_membership import follow
from directory.list_schema import list_adjustment, list_setting, list_welcome
from directory.list_settings import set_settings
from directory.schema import list_, list_member
from mailgate.database import Database, open_database
from mailgate.database.batch import batch_engine
from mailgate.delivery.welcoming import Welcoming
from mailgate.i18n import Language
from mailgate.moderation.links import Service
from mailgate.policy import stops
from mailgate.policy.matrix import Verdict
from mailgate.policy.schema import school_setting
from mailgate.policy.stops import Wanted
from tests.moderation.desk import Desk
from tests.policy.academy import accounts, lists

SCHOOL = "clg-frederic-mistral.ent.example.org"
APE = f"ape@{SCHOOL}"
SERVICE = Service("ent.example.org", "mail.example.org", "", imap_url="imap://mail.example.org:993")
PARENTS = [accounts()[number].address for number in lists()[f"6eme-a.parents@{SCHOOL}"]["members"]]
ROOT = Author("root", 0)


@pytest.fixture
async def desk(academy_url: str) -> AsyncIterator[Desk]:
    """A list by hand with a welcome text, taken away afterwards."""
    await change(academy_url, lambda connection: list_definitions.create(connection, APE, "Parents élus", ROOT))
    database = await open_database(academy_url)
    yield await Desk(database).start()
    await database.close()

    def undo(connection: Connection) -> None:
        list_id = find(connection, APE).list_id
        for table in (list_welcome, list_adjustment, list_setting, list_member, list_):
            connection.execute(delete(table).where(table.c.list_id == list_id))
        connection.execute(delete(school_setting))

    await change(academy_url, undo)


async def change(url: str, work: object) -> None:
    async with batch_engine(url) as engine, engine.begin() as connection:
        await connection.run_sync(work)  # type: ignore[arg-type]


async def add(url: str, *who: str, what: str = "add", **settings: str) -> None:
    def work(connection: Connection) -> None:
        one = find(connection, APE)
        set_settings(connection, one.list_id, settings, actor="root", at=0)
        people = [find_person(connection, each) for each in who]
        if what == "add":
            list_adjustments.add(connection, one, people, ROOT)
        elif people:
            list_adjustments.remove(connection, one, people)
        follow(connection, [one.list_id])

    await change(url, work)


def welcoming(database: Database, desk: Desk, language: Language = "fr") -> Welcoming:
    return Welcoming(database, desk.store, SERVICE, language)


async def letters(desk: Desk, who: str) -> list[tuple[EmailMessage, bytes]]:
    """What a list wrote to somebody, with its octets."""
    account = desk.store.account(desk.people[who], who)
    inbox = await account.mailbox("INBOX")
    uids = (await account.snapshot(inbox.ref)).uids
    entries = await account.entries(inbox.ref, list(uids))
    bodies = await account.read_whole({entry.message_id for entry in entries})
    octets = [bodies[entry.message_id] for entry in entries]
    parsed = [(email.message_from_bytes(one, policy=email.policy.default), one) for one in octets]
    return [(one, raw) for one, raw in parsed if isinstance(one, EmailMessage) and f"<help+{APE}>" in one["From"]]


async def test_new_members_get_one_message_that_names_none_of_them(academy_url: str, desk: Desk) -> None:
    first, second, other = PARENTS[:3]
    text = {"welcome": "Bonjour à tous,\nvoici la liste.", "leaving": "on", "archive": "on"}
    await add(academy_url, first, second, **text)
    here = welcoming(desk.database, desk)
    assert await here.send_due() == 2
    assert await here.send_due() == 0
    for reader in (first, second):
        [(letter, raw)] = await letters(desk, reader)
        assert letter["Subject"] == "Bienvenue sur la liste Parents élus"
        assert letter["Auto-Submitted"] == "auto-generated"
        assert letter["List-Archive"] == f"<imap://mail.example.org:993/Shared/{APE}>"
        assert letter["List-Unsubscribe"] == f"<mailto:leave+{APE}?subject=unsubscribe>"
        said = letter.get_content().replace("\r\n", "\n")
        assert said.startswith("Bonjour à tous,\nvoici la liste.\n\nVous êtes désormais sur la liste Parents élus")
        assert f"help+{APE}" in said
        assert f"Shared/{APE}" in said
        assert not [one for one in PARENTS if one.encode() in raw]
    assert await letters(desk, other) == []


async def test_who_has_gone_meanwhile_is_told_nothing(academy_url: str, desk: Desk) -> None:
    gone, here = PARENTS[3:5]
    await add(academy_url, gone, here, welcome="Bonjour")
    await add(academy_url, gone, what="remove")
    assert await welcoming(desk.database, desk).send_due() == 1
    assert await letters(desk, gone) == []
    assert len(await letters(desk, here)) == 1
    await add(academy_url, gone, welcome="Bonjour")
    await add(academy_url, what="", welcome="default")
    assert await welcoming(desk.database, desk).send_due() == 0
    await add(academy_url, what="", welcome="Bonjour")
    assert await welcoming(desk.database, desk).send_due() == 0  # the note is gone with the text


async def test_of_two_nodes_one_tells(academy_url: str, desk: Desk) -> None:
    who = PARENTS[5]
    await add(academy_url, who, welcome="Bonjour")
    other = await open_database(academy_url)
    told = await asyncio.gather(welcoming(desk.database, desk).send_due(), welcoming(other, desk).send_due())
    await other.close()
    assert sorted(told) == [0, 1]
    assert len(await letters(desk, who)) == 1


async def test_it_is_in_the_language_of_the_school(academy_url: str, desk: Desk) -> None:
    def english(connection: Connection) -> None:
        school_id = find(connection, APE).school_id
        connection.execute(insert(school_setting).values(school_id=school_id, name="language", value="en"))

    await change(academy_url, english)
    await add(academy_url, PARENTS[6], welcome="Bonjour")
    assert await welcoming(desk.database, desk).send_due() == 1
    [(letter, _)] = await letters(desk, PARENTS[6])
    assert letter["Subject"] == "Welcome to the list Parents élus"
    assert "from now on" in letter.get_content()


@pytest.mark.parametrize(
    ("verdict", "of"),
    [(Verdict.REFUSE, {"list_": APE}), (Verdict.REFUSE, {}), (Verdict.MODERATE, {"school": "0131001T"})],
    ids=["list", "everybody", "school"],
)
async def test_it_waits_while_a_stop_concerns_the_list(
    academy_url: str, desk: Desk, verdict: Verdict, of: dict[str, str]
) -> None:
    await add(academy_url, PARENTS[7], welcome="Bonjour")
    here = welcoming(desk.database, desk)
    pupils = Wanted(verdict=Verdict.REFUSE, ends_at=stops.now() + 60, school="0131001T", profile="pupil")
    wanted = Wanted(verdict=verdict, ends_at=stops.now() + 60, **of)
    for one in (wanted, pupils):
        await change(academy_url, partial(stops.add, wanted=one))
        assert await here.send_due() == (one is pupils), "the list writes as nobody of a profile"
        await change(academy_url, partial(stops.lift, stop_id=None))
    assert await here.send_due() == 0
