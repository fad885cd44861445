"""kill -9 in the middle of deliveries: what was acknowledged is there exactly once, the rest wholly or not at all."""

from __future__ import annotations

import asyncio
import collections
import sys
from pathlib import Path

from imap.backend import MailboxRef
from imap.flags import FLAGGED
from mailgate.database import open_database
from mailgate.store import MailStore, maintenance
from tests.store.crash_writer import RECIPIENTS
from tests.store.messages import message, new_message, own, whole

ROOT = Path(__file__).parents[2]


async def work_until_killed(url: str, acknowledgements: int, what: str) -> set[int]:
    """Run the writer and kill it after so many acknowledgements; give those that it got out."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.crash_writer", url, what, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = []
    async with asyncio.timeout(60):
        for _ in range(acknowledgements):
            line = await process.stdout.readline()
            assert line, "the writer ended by itself"
            lines.append(line)
        process.kill()
        lines += (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
    return {int(line) for line in lines if line.endswith(b"\n")}


async def test_every_acknowledged_message_is_there_exactly_once(store: MailStore, database_url: str) -> None:
    for acknowledgements in (1, 37, 120):
        acknowledged = await work_until_killed(database_url, acknowledgements, "deliveries")
        assert len(acknowledged) >= acknowledgements
        database = await open_database(database_url)
        try:
            await check(MailStore(database), acknowledged)
            assert await maintenance.check_counters(database) == []
            await empty(MailStore(database))
        finally:
            await database.close()


async def test_every_acknowledged_flag_is_there(store: MailStore, database_url: str) -> None:
    account = store.account(7, "")
    await account.append("INBOX", [new_message(str(number)) for number in range(300)])
    acknowledged = await work_until_killed(database_url, 100, "flags")
    database = await open_database(database_url)
    try:
        snapshot = await MailStore(database).account(7, "").snapshot(own(account, 1))
        marked = {uid for uid, flags in zip(snapshot.uids, snapshot.flags, strict=True) if flags & FLAGGED}
        assert acknowledged <= marked
        assert len(marked - acknowledged) <= 1
        assert await maintenance.check_counters(database) == []
    finally:
        await database.close()


async def check(store: MailStore, acknowledged: set[int]) -> None:
    """Each recipient has the same messages, each once, and all that were acknowledged."""
    inboxes = [collections.Counter((await whole(store.account(account_id, ""))).values()) for account_id in RECIPIENTS]
    sent = collections.Counter((await whole(store.account(6, ""), MailboxRef(6, 2))).values())
    assert all(inbox == sent for inbox in inboxes)
    assert set(sent.values()) <= {1}
    assert {message(f"m{number}") for number in acknowledged} <= sent.keys()


async def empty(store: MailStore) -> None:
    """Put all aside, so that the next round may deliver the same messages."""
    for account_id in RECIPIENTS:
        account = store.account(account_id, "")
        await account.move(own(account, 1), (await account.snapshot(own(account, 1))).uids, "Trash")
    sender = store.account(6, "")
    await sender.move(own(sender, 2), (await sender.snapshot(own(sender, 2))).uids, "Trash")
