"""kill -9 in the middle of a purge of 500 mailboxes, and again: the second run takes the rest, the record is exact."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from imap.flags import SEEN
from mailgate.database import Database, Statement
from mailgate.database.open import async_engine
from mailgate.delivery.whereabouts import seek, traces
from mailgate.delivery.withdrawing import tally
from mailgate.policy.audit import metadata as audit
from mailgate.store import Dispatch, MailStore, Parcel, maintenance
from mailgate.store.schema import entry
from tests.store.messages import message

ROOT = Path(__file__).parents[2]
ACCOUNTS = range(1_000, 1_500)
SENT = Dispatch("cafe01", 1, 1, "alice@example.org", "<one@example.org>", 1_800_000_000)
LEFT = Statement(select(func.count()).select_from(entry).where(entry.c.account_id >= ACCOUNTS.start))


async def purge(url: str, *, kill_after: int = 0) -> int:
    """Run the purge in a process of its own; kill it after so many batches."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.crash_purger", url, "cafe01", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        for _ in range(kill_after):
            assert await process.stdout.readline()
        if kill_after:
            process.kill()
        return await process.wait()


async def left(database: Database) -> int:
    row = await database.read(lambda tx: tx.one(LEFT))
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("batches", [1, 2])
async def test_killed_and_begun_again(store: MailStore, database: Database, database_url: str, batches: int) -> None:
    engine = async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(audit.create_all)
    await engine.dispose()
    await store.create_accounts([(account_id, 0) for account_id in ACCOUNTS])
    await store.deliver(message("stays"), ACCOUNTS)
    await store.deliver_all([Parcel(message("goes"), frozenset(ACCOUNTS), sent_copy_for=1)], dispatch=SENT)
    assert await purge(database_url, kill_after=batches) != 0
    assert await left(database) in {len(ACCOUNTS) * 2 - 200 * done for done in (batches, batches + 1)} | {500}
    assert await maintenance.check_counters(database) == []
    assert await purge(database_url) == 0
    assert await left(database) == len(ACCOUNTS)
    sought = await database.read(lambda tx: seek(tx, SENT))
    found = await database.read(lambda tx: traces(tx, sought))
    assert [trace.account_id for trace in sorted(found, key=lambda trace: trace.account_id)] == list(ACCOUNTS)
    counted = tally(found)
    assert (counted.copies, counted.withdrawn, counted.kept, counted.gone) == (500, 500, 0, 0)
    assert await maintenance.check_counters(database) == []
    sent = await store.account(1, "").snapshot((await store.account(1, "").mailbox("Sent")).ref)
    assert list(sent.flags) == [SEEN]
