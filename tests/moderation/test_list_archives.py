"""The archive of a list beside the gateway that posts: made at an import, emptied by the daily upkeep."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from directory.list_definitions import find
from directory.list_schema import list_setting
from directory.report import ImportReport
from mailgate import list_archives
from mailgate.database import open_database
from mailgate.database.batch import batch_transaction
from mailgate.store.schema import acl, entry, shared_account
from tests.moderation.desk import Desk
from tests.policy.academy import accounts, lists

SCHOOL = "clg-frederic-mistral.ent.example.org"
TEAM = f"6eme-a.profs@{SCHOOL}"
READER, WRITER = [accounts()[number].address for number in lists()[TEAM]["members"]][:2]
DAY = 24 * 3600


@pytest.fixture
async def desk(academy_url: str) -> AsyncIterator[Desk]:
    """A team's list whose messages are to be kept, as an earlier version noted it: there is no archive yet."""
    async with batch_transaction(academy_url) as connection:
        await connection.run_sync(_set)
    database = await open_database(academy_url)
    yield await Desk(database).start()
    await database.close()
    async with batch_transaction(academy_url) as connection:
        await connection.run_sync(_undo)


def _set(connection: Connection) -> None:
    list_id = find(connection, TEAM).list_id
    connection.execute(insert(list_setting).values(list_id=list_id, archive=True, archive_days=30, actor="root", at=0))


def _undo(connection: Connection) -> None:
    archive = select(shared_account.c.account_id).where(shared_account.c.name == TEAM).scalar_subquery()
    for table in (entry, acl):
        connection.execute(delete(table).where(table.c.account_id == archive))
    connection.execute(delete(shared_account).where(shared_account.c.name == TEAM))
    connection.execute(delete(list_setting))


async def kept(desk: Desk) -> int | None:
    """How many messages a member finds; None when there is no archive."""
    account = desk.store.account(desk.people[READER], READER)
    listed = {mailbox.name: mailbox for mailbox in await account.mailboxes()}
    return (await account.mailbox(f"Shared/{TEAM}")).messages if f"Shared/{TEAM}" in listed else None


async def test_an_import_makes_the_archives_that_are_missing(academy_url: str, desk: Desk) -> None:
    await desk.send(WRITER, [TEAM], "Avant")
    assert await kept(desk) is None
    report = ImportReport(dry_run=False)
    async with batch_transaction(academy_url) as connection:
        await connection.run_sync(lambda plain: list_archives.follow_all(plain, report))
        await connection.run_sync(lambda plain: list_archives.follow_all(plain, report))
    assert report.findings == []
    await desk.send(WRITER, [TEAM], "Après")
    assert await kept(desk) == 1


async def test_a_shared_mailbox_in_its_place_is_reported(academy_url: str, desk: Desk) -> None:
    report = ImportReport(dry_run=False)
    async with batch_transaction(academy_url) as connection:
        row = {"account_id": 1, "name": TEAM, "kind": "", "target_id": 0}
        await connection.execute(insert(shared_account).values(**row))
        await connection.run_sync(lambda plain: list_archives.follow_all(plain, report))
    assert [(one.who, one.why) for one in report.findings] == [(TEAM, "the list has no archive")]
    await desk.send(WRITER, [TEAM], "Sans archive")
    assert await kept(desk) is None


async def test_what_waits_is_kept_when_it_goes_though_every_member_has_it_already(academy_url: str, desk: Desk) -> None:
    def minutes(connection: Connection) -> None:
        list_archives.follow_all(connection, ImportReport(dry_run=False))
        connection.execute(update(list_setting).values(hold_minutes=5))

    async with batch_transaction(academy_url) as connection:
        await connection.run_sync(minutes)
    team = [accounts()[number].address for number in lists()[TEAM]["members"]]
    await desk.send(WRITER, [*team, TEAM], "À tous, et à la liste")
    assert await desk.moderation.look_at_the_clock() == 0
    assert await kept(desk) == 0
    desk.clock.ahead = 301
    assert await desk.moderation.look_at_the_clock() == 1
    assert await kept(desk) == 1


async def test_the_daily_upkeep_takes_out_what_was_kept_long_enough(academy_url: str, desk: Desk) -> None:
    async with batch_transaction(academy_url) as connection:
        await connection.run_sync(lambda plain: list_archives.follow_all(plain, ImportReport(dry_run=False)))
    await desk.send(WRITER, [TEAM], "Ancien")
    await desk.submission.maintain()
    assert await kept(desk) == 1
    archive = select(shared_account.c.account_id).where(shared_account.c.name == TEAM).scalar_subquery()
    async with batch_transaction(academy_url) as connection:
        old = {"saved_at": int(time.time()) - 31 * DAY}
        await connection.execute(update(entry).where(entry.c.account_id == archive).values(old))
    await desk.send(WRITER, [TEAM], "Récent")
    await desk.submission.maintain()
    assert await kept(desk) == 1
