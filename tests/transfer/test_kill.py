"""kill -9 in the middle of a copy, again and again: another run finishes it, each message once."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from imap.backend import Account
from mailgate.database import Database
from mailgate.store import maintenance
from mailgate.transfer.copying import Manner, copy_account
from mailgate.transfer.intake import Intake
from tests.store.messages import message
from tests.support.dovecot import PASSWORD, Dovecot
from tests.transfer.mail import copies
from tests.transfer.source import fill, login_of, server_of

ROOT = Path(__file__).parents[2]


async def killed_after(batches: int, url: str, dovecot: Dovecot) -> None:
    """Run the copy in a process, and kill it just after so many batches."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.transfer.copy_worker", url, dovecot.host, str(dovecot.port), "ada", PASSWORD),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        for _ in range(batches):
            assert (await process.stdout.readline()).startswith(b"INBOX"), "it ended by itself"
        process.kill()
        await process.wait()


async def test_each_message_comes_once(database: Database, database_url: str, bob: Account, to_bob: Intake) -> None:
    contents = [message(f"m{number // 2}") for number in range(400)]  # each twice
    with Dovecot() as dovecot:
        fill(dovecot, "ada", contents)
        for batches in (0, 1, 4):
            await killed_after(batches, database_url, dovecot)
        before = (await bob.mailbox("INBOX")).messages
        assert 100 <= before < 400
        done = await copy_account(database, to_bob, server_of(dovecot), login_of("ada"), Manner())
    assert (done.error, done.total("copied"), done.total("present")) == (None, 400 - before, before)
    assert [one.content for one in await copies(bob, "INBOX")] == contents
    assert await maintenance.check_counters(database) == []
