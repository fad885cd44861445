"""Leavers, and the schools whose lists they managed, are told what is to be told once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial

from sqlalchemy import Connection, Select, select

from directory.schema import former_school, list_, school
from mailgate.config import load
from mailgate.database import Statement, open_database
from mailgate.i18n import long_date
from mailgate.policy.audit import audit
from mailgate.queue.schema import queued_message, queued_recipient
from mailgate.retention.days import last_day
from mailgate.retention.managers_left import ManagersLeft
from mailgate.retention.schema import leaver
from mailgate.retention.telling import LeaverNotices
from mailgate.store import MailStore
from mailgate.store.messages import joined, read_chunks
from mailgate.store.schema import entry
from mailgate.store.schema import number as numbered
from tests.cli.command import Command
from tests.cli.test_leavers import later, leave, leavers
from tests.cli.test_retention import DAY, number, on
from tests.directory.academy import DEMO, NEXT_YEAR, ROOT

_INBOX = Statement(
    select(entry.c.message_id).where(entry.c.account_id == numbered("account"), entry.c.mailbox_id == 1).order_by("uid")
)
_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from mailgate.config import load
from mailgate.database import open_database
from mailgate.retention.telling import LeaverNotices
from mailgate.store import MailStore

async def main(path, at):
    settings = load(path, {})
    database = await open_database(settings.database.url)
    store = MailStore(database)
    deliver = store.deliver_all

    async def killed(parcels, *, first):
        async def work(tx):
            await first(tx)
            if at == "before":
                os.kill(os.getpid(), signal.SIGKILL)

        await deliver(parcels, first=work)
        os.kill(os.getpid(), signal.SIGKILL)

    store.deliver_all = killed
    await LeaverNotices(database, store, settings).look()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def tell(command: Command, days: float = 0, nodes: int = 1) -> tuple[int, int]:
    """What gateways do when so many days are over: how many people and schools are told."""

    async def done() -> tuple[int, int]:
        settings = load(command.config, {})
        database = await open_database(settings.database.url)
        store = MailStore(database)

        def clock() -> float:
            return time.time() + days * DAY

        found = await asyncio.gather(*(LeaverNotices(database, store, settings, clock).look() for _ in range(nodes)))
        schools = await asyncio.gather(*(ManagersLeft(database, store, settings, clock).look() for _ in range(nodes)))
        await database.close()
        return sum(found), sum(schools)

    return asyncio.run(done())


def inbox(command: Command, address: str) -> list[EmailMessage]:
    """The letters of the service that somebody has."""
    account = number(command, address)

    async def done() -> list[bytes]:
        database = await open_database(load(command.config, {}).database.url)
        rows = await database.read(lambda tx: tx.all(_INBOX, account=account))
        contents = joined(await database.read(lambda tx: read_chunks(tx, [row[0] for row in rows])))
        await database.close()
        return [contents[row[0]] for row in rows]

    found = (message_from_bytes(one, _class=EmailMessage, policy=default) for one in asyncio.run(done()))
    return [one for one in found if "postmaster@" in one["From"]]


def text(letter: EmailMessage) -> str:
    return " ".join(letter.get_content().split())


def schools_of(command: Command, address: str) -> list[str]:
    account = number(command, address)
    of = select(school.c.uai).join(former_school, former_school.c.school_id == school.c.school_id)
    return on(command, lambda connection: list(connection.scalars(of.where(former_school.c.person_id == account))))


def counted(connection: Connection, statement: Select[tuple[int]]) -> int:
    return len(connection.scalars(statement).all())


def end_of_grace(connection: Connection, account: int) -> int:
    return int(connection.execute(select(leaver.c.reads_until).where(leaver.c.account_id == account)).scalar_one())


def total(command: Command) -> int:
    return on(command, partial(counted, statement=select(leaver.c.account_id)))


def test_three_notices_each_once_however_many_nodes_look(either: Command) -> None:
    people = leavers()
    either.good("account", "suspend", people["pupil"])
    leave(either)
    [uai] = schools_of(either, people["staff"])
    either.good("school", "set", uai, "language", "en")
    everybody = total(either) - 1  # who was suspended reads nothing
    assert tell(either, nodes=2)[0] == everybody
    [first] = inbox(either, people["staff"])
    assert first["Subject"].startswith("You have left: your mailbox is open until ")
    assert first["Auto-Submitted"] == "auto-generated"
    assert "Messages to you still come in until then" in text(first)
    [other] = inbox(either, people["relative"])
    assert "No new messages come in." in text(other)
    assert inbox(either, people["pupil"]) == []
    assert [tell(either, days)[0] for days in (0, 45.9, 46.1, 46.2, 56.9)] == [0, 0, everybody, 0, 0]
    assert [tell(either, days, nodes=2)[0] for days in (57.1, 59.9, 60.1)] == [everybody, 0, 0]
    letters = inbox(either, people["staff"])
    assert [one["Subject"].split(":")[0] for one in letters] == ["You have left", *["Your mailbox closes"] * 2]
    assert "come in" not in text(letters[2])


def test_who_comes_late_has_one_letter_and_who_is_back_none(academy: Command) -> None:
    people = leavers()
    leave(academy, MAILGATE_RETENTION__STAFF__READING_DAYS="10", MAILGATE_RETENTION__PUPILS__READING_DAYS="2")
    tell(academy)
    tell(academy, 1)
    for one in ("staff", "pupil"):
        [letter] = inbox(academy, people[one])
        ends = on(academy, partial(end_of_grace, account=number(academy, people[one])))
        whole = long_date(last_day(ends, load(academy.config, {}).gateway.zone()), "fr")
        assert letter["Subject"] == f"Votre départ : votre boîte reste ouverte jusqu’au {whole}"
        assert "Vous n’êtes plus dans l’annuaire de l’établissement." in text(letter)
    academy.good("directory", "import", DEMO, "--force")
    tell(academy, 8)
    assert len(inbox(academy, people["staff"])) == 1
    academy.good("directory", "import", NEXT_YEAR, "--force", MAILGATE_DIRECTORY__SCHOOL_YEAR="2026")
    tell(academy)
    assert len(inbox(academy, people["staff"])) == 2, "who leaves anew is told anew"


async def test_who_was_merged_or_whose_grace_is_over_is_told_nothing(academy: Command) -> None:
    leave(academy, MAILGATE_RETENTION__STAFF__READING_DAYS="0")
    await later(academy, 61)
    assert await asyncio.to_thread(tell, academy) == (0, 0)


def test_a_gateway_that_is_killed_tells_nobody_twice(either: Command) -> None:
    leave(either)
    everybody = total(either)
    for at, left in (("before", everybody), ("after", 0)):  # the commit
        words = [sys.executable, "-c", _KILLED, str(either.config), at]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        done = subprocess.run(words, cwd=ROOT, env=environment, check=False, timeout=120)
        assert done.returncode == -signal.SIGKILL
        untold = select(leaver.c.account_id).where(leaver.c.told == 0)
        assert on(either, partial(counted, statement=untold)) == left
    assert tell(either)[0] == 0
    assert [len(inbox(either, one)) for one in leavers().values()] == [1, 1, 1]


def test_a_wish_for_outside_is_heeded_where_the_school_lets_it_out(either: Command) -> None:
    gone = leavers()["relative"]
    config = either.config.read_text() + '[queue]\nroute = "smarthost"\nsmarthost = "127.0.0.1:1"\n'
    either.use(config)
    either.good("person", "outside", gone, "--to", "parent@example.net")
    leave(either)
    [uai, *_] = schools_of(either, gone)
    either.good("school", "set", uai, "outside", "notify")
    tell(either)
    tell(either, 58)
    queued = select(queued_recipient.c.address, queued_message.c.verp).join(
        queued_message, queued_message.c.queue_id == queued_recipient.c.queue_id
    )
    rows = on(either, lambda connection: connection.execute(queued).all())
    assert [tuple(row) for row in rows] == [("parent@example.net", 1)] * 2
    assert on(either, lambda connection: set(connection.scalars(select(leaver.c.outside)))) == {""}
    assert len(inbox(either, gone)) == 2


def test_schools_are_told_once_of_lists_whose_managers_left(either: Command) -> None:
    people = leavers()
    employee, parent = people["staff"], people["relative"]
    uai = on(either, lambda connection: connection.scalar(select(school.c.uai).order_by(school.c.uai)))
    its = (
        select(list_.c.address)
        .join(school, school.c.school_id == list_.c.school_id)
        .where(school.c.uai == uai, list_.c.audience.in_(["parents", "profs"]), list_.c.kind == "school")
    )
    lists = on(either, lambda connection: sorted(connection.scalars(its)))
    either.good("list", "delegate", "add", lists[0], employee, "--role", "manage")
    either.good("list", "delegate", "add", lists[1], parent, "--role", "moderate")
    leave(either)
    assert [tell(either, nodes=2)[1], tell(either)[1]] == [1, 0]
    [row] = on(
        either, lambda connection: connection.execute(select(audit).where(audit.c.action == "retention managers")).all()
    )
    assert row.subject == uai
    readers = row.detail.partition(" told of ")[0].split(", ")
    [letter] = inbox(either, readers[0])
    assert letter["Subject"] == "Listes dont les gestionnaires sont partis"
    said = letter.get_content()
    for one in (*lists, f"<{employee}> gérait la liste", f"<{parent}> en approuvait les messages"):
        assert one in said
