"""No (mailbox name, UIDVALIDITY, UID) ever stands for two messages, and no mailbox id for two mailboxes.

RFC 9051 section 2.3.1.1, RFC 8474 section 4: through deletion and creation under the same name, crashes, a restart, a
new import of the directory, and the restore of a backup.
"""

from __future__ import annotations

import time

import sqlalchemy

from imap.backend import Account
from mailgate.database import Database, open_database
from mailgate.database.batch import batch_engine
from mailgate.store import MailStore
from mailgate.store.provisioning import create_accounts
from mailgate.store.restored import renew
from mailgate.store.schema import metadata
from tests.store.messages import new_message, own
from tests.store.test_crash import work_until_killed

Identities = dict[tuple[str, int, int], bytes]


async def identities(account: Account) -> Identities:
    """Every message of an account by what a client knows it by."""
    found = {}
    for status in await account.mailboxes():
        uids = (await account.snapshot(status.ref)).uids
        for entry in await account.entries(status.ref, uids):
            found[status.name, status.uidvalidity, entry.uid] = entry.message_id
            assert entry.uid < status.uidnext
    return found


def agree(before: Identities, after: Identities) -> bool:
    """Whether every identity that both know stands for the same message."""
    return all(after[key] == before[key] for key in before.keys() & after.keys())


async def test_the_same_name_again_is_another_mailbox(alice: Account) -> None:
    seen: Identities = {}
    ids, validities = set(), set()
    for turn in range(5):
        made = await alice.create("Club")
        await alice.append("Club", [new_message(f"{turn} {number}") for number in range(3)])
        now = await identities(alice)
        assert agree(seen, now)
        seen |= now
        ids.add(made.ref)
        validities.add(made.uidvalidity)
        if turn % 2:
            await alice.delete("Club")
        else:
            await alice.rename("Club", f"Old {turn}")
        assert agree(seen, await identities(alice))
    assert (len(ids), len(validities)) == (5, 5)


async def test_a_mailbox_renamed_onto_a_deleted_one(alice: Account) -> None:
    await alice.create("A")
    await alice.create("B")
    await alice.append("A", [new_message("in a")])
    await alice.append("B", [new_message("in b")])
    before = await identities(alice)
    await alice.delete("B")
    await alice.rename("A", "B")
    assert agree(before, await identities(alice))


async def test_expunged_uids_are_not_given_again_after_a_restart(
    alice: Account, database: Database, database_url: str
) -> None:
    appended = await alice.append("INBOX", [new_message(str(number), flags=8) for number in range(3)])
    await alice.expunge(own(alice), None)
    await database.close()
    again = await open_database(database_url)
    try:
        account = MailStore(again).account(1, "")
        later = await account.append("INBOX", [new_message("later")])
        assert min(later.uids) > max(appended.uids)
        assert later.uidvalidity == appended.uidvalidity
    finally:
        await again.close()


async def test_a_new_import_changes_no_mailbox(alice: Account, database_url: str) -> None:
    await alice.append("INBOX", [new_message("here")])
    before = await identities(alice)
    async with batch_engine(database_url) as engine, engine.begin() as connection:
        await connection.run_sync(lambda plain: create_accounts(plain, range(1, 40)))
    assert await identities(alice) == before


async def test_kill_in_the_middle_of_deliveries(store: MailStore, alice: Account, database_url: str) -> None:
    seen: Identities = {}
    for _ in range(2):
        await work_until_killed(database_url, 20, "deliveries")
        now = await identities(alice)
        assert seen.items() <= now.items()
        seen = now


async def copied(database_url: str) -> list[tuple[sqlalchemy.Table, list[dict[str, object]]]]:
    """A backup: all rows of the store."""
    async with batch_engine(database_url) as engine, engine.begin() as connection:
        return [
            (table, [dict(row) for row in (await connection.execute(table.select())).mappings()])
            for table in metadata.sorted_tables
        ]


async def put_back(database_url: str, backup: list[tuple[sqlalchemy.Table, list[dict[str, object]]]]) -> None:
    async with batch_engine(database_url) as engine, engine.begin() as connection:
        for table, rows in backup:
            await connection.execute(table.delete())
            if rows:
                await connection.execute(table.insert(), rows)


async def test_a_restored_backup(alice: Account, database_url: str) -> None:
    await alice.append("INBOX", [new_message("before")])
    backup = await copied(database_url)
    lost = [await alice.create(f"Lost {number}") for number in range(50)]
    await alice.append("INBOX", [new_message("lost")])
    await alice.append("Lost 1", [new_message("lost too")])
    seen = await identities(alice)
    await put_back(database_url, backup)
    # what would happen without the command
    await alice.append("INBOX", [new_message("after")])
    assert not agree(seen, await identities(alice))

    await put_back(database_url, backup)
    async with batch_engine(database_url) as engine, engine.begin() as connection:
        done = await connection.run_sync(lambda plain: renew(plain, now=int(time.time())))
    assert done == (30, 30 * 6)
    await alice.append("INBOX", [new_message("after")])
    made = [await alice.create(f"Lost {number}") for number in range(50)]
    await alice.append("Lost 1", [new_message("after too")])
    now = await identities(alice)
    assert not seen.keys() & now.keys()
    assert not {one.ref for one in lost} & {one.ref for one in made}
    validities = [one.uidvalidity for one in await alice.mailboxes()]
    assert len(set(validities)) == len(validities)
    assert min(validities) > max(one.uidvalidity for one in lost)
