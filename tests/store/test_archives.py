"""Archives of lists in the store: a copy that counts for nobody, and messages that have been there long enough."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from directory.list_schema import list_setting
from directory.schema import list_, metadata
from imap.backend import MailboxRef
from mailgate.database import Database
from mailgate.database.batch import batch_engine
from mailgate.store import Dispatch, MailStore, Parcel, archives, dispatches, maintenance
from mailgate.store.provisioning import INBOX_ID
from mailgate.store.schema import shared_account
from tests.store.messages import Hints, message

DAY = 24 * 3600
LIST, ARCHIVE = 500, 900


@pytest.fixture
async def archive(store: MailStore, database: Database, database_url: str) -> int:
    """The archive of a list that says nothing of how long."""
    await store.create_accounts([(ARCHIVE, 0)])
    async with batch_engine(database_url) as engine, engine.begin() as connection:
        await connection.run_sync(lambda plain: metadata.create_all(plain, tables=[list_, list_setting]))
        row = {"account_id": ARCHIVE, "name": "a@b.example.org", "kind": archives.KIND, "target_id": LIST}
        await connection.execute(insert(shared_account).values(**row))
    return ARCHIVE


async def keep(database_url: str, days: int) -> None:
    async with batch_engine(database_url) as engine, engine.begin() as connection:
        await connection.execute(
            insert(list_).values(
                list_id=LIST, address="a@b.example.org", kind="manual", audience="", target_id=LIST, ref="", label="A",
                active=True,
            )
        )  # fmt: skip
        await connection.execute(insert(list_setting).values(list_id=LIST, archive_days=days, actor="root", at=0))


async def test_a_copy_is_kept_that_was_sent_to_nobody(store: MailStore, database: Database, archive: int) -> None:
    sent = Dispatch("cafe02", 1, 1, "a@ent.example.org", "<1@x>", 1)
    parcels = [Parcel(message("kept"), frozenset([2]), list_id=LIST, archive_id=archive)]
    parcels.append(Parcel(message("alone"), frozenset(), list_id=LIST + 1, archive_id=archive))
    await store.deliver_all(parcels, dispatch=sent)
    assert (await store.account(archive, "").mailbox("INBOX")).messages == 2
    copies = await database.read(lambda tx: dispatches.copies_of(tx, "cafe02"))
    assert [one.account_ids for one in copies] == [frozenset([2]), frozenset()]
    assert await database.read(lambda tx: archives.archive_of(tx, LIST)) == archive
    assert await database.read(lambda tx: archives.archive_of(tx, LIST + 1)) is None


@pytest.mark.parametrize(("days", "left"), [(None, 365), (30, 30), (0, None)])
async def test_messages_go_after_their_days(
    store: MailStore, database: Database, database_url: str, archive: int, days: int | None, left: int | None
) -> None:
    if days is not None:
        await keep(database_url, days)
    await store.deliver(message("one"), [archive, 2])
    account = store.account(archive, "")
    ref = MailboxRef(archive, INBOX_ID)
    (saved,) = [entry.saved_at for entry in await account.entries(ref, [1])]
    if left is None:
        assert await archives.expire(database, saved + 10_000 * DAY) == 0
        return
    assert await archives.expire(database, saved + left * DAY) == 0
    hints = Hints(account)
    assert await archives.expire(database, saved + left * DAY + 1) == 1
    await hints.until(lambda hint: INBOX_ID in (hint.mailbox_ids or ()))
    hints.stop()
    assert (await account.mailbox("INBOX")).messages == 0
    assert (await store.account(2, "").mailbox("INBOX")).messages == 1
    assert list((await account.vanished(ref, 1)).uids) == [1]
    assert await maintenance.check_counters(database) == []
