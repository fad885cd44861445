"""Who is told of leavers, and what: by people and lists that are made by hand, on each engine."""

from __future__ import annotations

import datetime
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import msgspec
import pytest
from sqlalchemy import Connection, insert, select

from directory.family_schema import person_merge
from directory.list_schema import list_delegate
from directory.schema import LEFT, address, former_school, list_, list_member, person, school
from mailgate.config import Queue, Settings
from mailgate.database import Database, Statement
from mailgate.database.batch import batch_transaction
from mailgate.migrations.tables import METADATA
from mailgate.policy import schools
from mailgate.policy.audit import audit
from mailgate.queue.schema import queued_recipient
from mailgate.retention.leavers import DAY, give_back
from mailgate.retention.managers_left import ManagersLeft
from mailgate.retention.schema import leaver
from mailgate.retention.telling import LeaverNotices
from mailgate.store import MailStore
from mailgate.store.messages import joined, read_chunks
from mailgate.store.provisioning import INBOX_ID, create_accounts
from mailgate.store.schema import entry, number
from tests.support.templates import Fill, filled_by

COLLEGE, LYCEE = 11, 12
HEAD, MANAGER, DUPLICATE, PARENT = 1, 2, 3, 4
"""People; the first is the head of the college, the others have left, and the third was merged into the second."""
PROFILES = {HEAD: "management", MANAGER: "teacher", DUPLICATE: "teacher", PARENT: "relative"}
HEADS, CHOIR, CITE = 101, 102, 103
LISTS = [(HEADS, "school", "direction", COLLEGE), (CHOIR, "manual", "", COLLEGE), (CITE, "cite", "profs", None)]
NOW = int(time.time())
BY = {"actor": "test", "at": NOW}
SETTINGS = msgspec.structs.replace(Settings(), queue=Queue(route="smarthost", smarthost="127.0.0.1:1"))
_INBOX = Statement(
    select(entry.c.message_id).where(entry.c.account_id == number("account"), entry.c.mailbox_id == INBOX_ID)
)
_AUDIT = Statement(select(audit.c.subject, audit.c.detail).order_by(audit.c.subject))
_OUTSIDE = Statement(select(queued_recipient.c.address))


def _fill(connection: Connection) -> None:
    for one in METADATA:
        one.create_all(connection)
    of_school = {"source": "test", "academy": "", "siren": "", "kind": "COLLEGE", "school_year": 2026, "active": True}
    names = [{"school_id": one, "uai": uai, "name": uai} for one, uai in ((COLLEGE, "0130001A"), (LYCEE, "0130002B"))]
    connection.execute(insert(school), [one | of_school for one in names])
    texts = dict.fromkeys(("academy", "sdet", "sn", "given", "title", "said_by"), "") | {"source": "test"}
    people = [
        {"person_id": one, "source_id": str(one), "profile": profile, "display": f"P{one}", "state": LEFT} | texts
        for one, profile in PROFILES.items()
    ]
    connection.execute(insert(person), people)
    given = {"is_primary": True, "given_at": datetime.date(2026, 9, 1), "number": 1}
    connection.execute(insert(address), [{"person_id": n, "address": _of(n), "base": _of(n)} | given for n in PROFILES])
    lists = [
        {"list_id": one, "address": f"{one}@x", "kind": kind, "audience": audience, "target_id": one}
        | {"school_id": school_id, "ref": "", "label": "", "active": True}
        for one, kind, audience, school_id in LISTS
    ]
    connection.execute(insert(list_), lists)
    connection.execute(insert(list_member).values(list_id=HEADS, person_id=HEAD))
    was = [(MANAGER, COLLEGE), (MANAGER, LYCEE), (PARENT, COLLEGE)]
    connection.execute(insert(former_school), [{"person_id": who, "school_id": where} for who, where in was])
    merged = {"dropped_id": DUPLICATE, "kept_id": MANAGER, "root_id": MANAGER, "reason": "", "suspended": False}
    connection.execute(insert(person_merge).values(merged | BY))
    create_accounts(connection, PROFILES)
    gone = {"was": "active", "left_at": NOW, "reads_until": NOW + 60 * DAY, "rights": ""}
    those = [(MANAGER, ""), (PARENT, "parent@example.net")]
    rows = [{"account_id": one, "profile": PROFILES[one], "outside": outside} for one, outside in those]
    connection.execute(insert(leaver), [one | gone for one in rows])


def _of(one: int) -> str:
    return f"p{one}@ent.example.org"


CONTENT = filled_by(_fill)


@pytest.fixture
def database_content() -> Fill:
    return CONTENT


async def do(url: str, *work: object) -> None:
    """Statements, or functions of a connection."""
    async with batch_transaction(url) as connection:
        for one in work:
            await (connection.run_sync(one) if callable(one) else connection.execute(one))  # type: ignore[call-overload]


async def letters(database: Database, account: int) -> list[EmailMessage]:
    rows = await database.read(lambda tx: tx.all(_INBOX, account=account))
    contents = joined(await database.read(lambda tx: read_chunks(tx, [row[0] for row in rows])))
    return [message_from_bytes(one, _class=EmailMessage, policy=default) for one in contents.values()]


def role(of: int, person_id: int, name: str = "manage") -> object:
    row = {"list_id": of, "grantee": "person", "grantee_id": person_id, "role": name}
    return insert(list_delegate).values(row | BY)


async def test_a_list_of_a_cite_and_the_roles_of_duplicates_are_told_of(database: Database, database_url: str) -> None:
    await do(database_url, role(CITE, MANAGER), role(CHOIR, DUPLICATE), role(CHOIR, PARENT, "moderate"))
    managers = ManagersLeft(database, MailStore(database), SETTINGS)
    assert [await managers.look(), await managers.look()] == [2, 0]
    nobody = "nobody, as the head’s office has no member"
    told = await database.read(lambda tx: tx.all(_AUDIT))
    assert [tuple(row) for row in told] == [
        ("0130001A", f"{_of(HEAD)} told of 102@x, 103@x"),
        ("0130002B", f"{nobody} told of 103@x"),
    ]
    [letter] = await letters(database, HEAD)
    assert letter.get_content().replace("\r\n", "\n").split("\n\n")[1:3] == [
        f"102@x\n  P2 <{_of(MANAGER)}> gérait la liste\n  P4 <{_of(PARENT)}> en approuvait les messages",
        f"103@x\n  P2 <{_of(MANAGER)}> gérait la liste",
    ]


async def test_who_comes_back_while_the_letter_is_written_is_not_told_of(database: Database, database_url: str) -> None:
    await do(database_url, role(CHOIR, MANAGER), role(CHOIR, PARENT))
    store = MailStore(database)
    deliver = store.deliver_all

    async def late(*parcels: object, **how: object) -> None:
        store.deliver_all = deliver  # type: ignore[method-assign]
        await do(database_url, person.update().where(person.c.person_id == MANAGER).values(state="active"), give_back)
        await deliver(*parcels, **how)  # type: ignore[arg-type]

    store.deliver_all = late  # type: ignore[method-assign]
    managers = ManagersLeft(database, store, SETTINGS)
    assert [await managers.look(), await managers.look()] == [0, 1]
    [letter] = await letters(database, HEAD)
    assert "P4" in letter.get_content()
    assert "P2" not in letter.get_content()


@pytest.mark.parametrize("outside", ["none", "notify"])
async def test_nothing_goes_outside_where_no_school_lets_it_out(
    database: Database, database_url: str, outside: str
) -> None:
    await do(database_url, lambda connection: schools.change(connection, COLLEGE, "outside", outside))
    assert await LeaverNotices(database, MailStore(database), SETTINGS).look() == 2
    queued = await database.read(lambda tx: tx.all(_OUTSIDE))
    assert [row[0] for row in queued] == (["parent@example.net"] if outside == "notify" else [])
    assert len(await letters(database, PARENT)) == 1
